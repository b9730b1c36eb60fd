"""Joined datasets: features are made once for a set, alone or joined with others."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchbench.evaluate import aligned
from benchbench.plan import make_plan
from benchbench.records import Record, read_records
from benchbench.tables import load_table
from benchbench.testing import check_dataset
from tests.toys import execute, forget_plugins, selection

A, B = "pictures[contents=2]", "pictures[contents=3,levels=2]"
BOTH = f"cross[fit={A},test={B}]"


def _swept(told: Any) -> list[str]:
    return [dataset for dataset, _, _ in told.sweeps]


def _row(record: Record) -> dict[str, Any]:
    """A record without what a second run does not repeat."""
    return record.model_dump(exclude={"features", "cost", "started", "finished"})


def test_stored_sets_are_not_swept_again(toys: Path, tmp_path: Path) -> None:
    chosen = "mean,behind,error"
    _, alone = execute(tmp_path, selection(chosen, dataset=f"{A},{B}"))
    assert _swept(alone) == [A, B]
    records, told = execute(tmp_path, selection(chosen, dataset=BOTH))
    assert _swept(told) == [] and {r.status for r in records} == {"ok"}
    assert records[0].dataset.n_scored == 2 * 4 + 3 * 2
    parts = [r.cost for r in read_records(tmp_path) if r.extractor.name == "mean"]
    assert records[0].cost.extract_s == pytest.approx(
        sum(c.extract_s or 0 for c in parts if c.feature_mb != records[0].cost.feature_mb))


def test_a_joined_set_leaves_its_members_stored(toys: Path, tmp_path: Path) -> None:
    _, joined = execute(tmp_path, selection("mean,behind", dataset=BOTH))
    assert _swept(joined) == [A, B]
    _, told = execute(tmp_path, selection("mean,behind", dataset=f"{B},{A}"))
    assert _swept(told) == []
    nested = f"cross[fit={BOTH},test=pictures[contents=1]]"
    records, told = execute(tmp_path, selection("mean", dataset=nested))
    assert _swept(told) == ["pictures[contents=1]"] and records[0].status == "ok"


def test_a_shared_member_is_swept_once_in_a_run(toys: Path, tmp_path: Path) -> None:
    other = f"cross[fit={B},test=pictures[contents=1]]"
    records, told = execute(tmp_path, selection("mean,spread", dataset=f"{BOTH},{A},{other}"))
    assert _swept(told) == [A, B, "pictures[contents=1]"]
    assert {r.status for r in records} == {"ok"} and len(records) == 6


def test_the_features_are_those_made_jointly(
    toys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchbench_plugins.cross import Cross

    def run(store: str) -> tuple[list[Any], list[Record], list[str]]:
        monkeypatch.setenv("BENCHBENCH_STORE", str(tmp_path / store))
        chosen = selection("mean,behind,error,sharpness", dataset=BOTH)
        records, told = execute(tmp_path / f"out-{store}", chosen)
        cells = make_plan(chosen).cells
        table = load_table(cells[0].source.made.part)
        return [aligned(cell, table) for cell in cells], records, _swept(told)

    shared, records, swept = run("shared")
    monkeypatch.setattr(Cross, "members", lambda self: ())
    joint, expected, whole = run("joint")
    assert (swept, whole) == ([A, B], [BOTH])
    for found, wanted in zip(shared, joint, strict=True):
        np.testing.assert_allclose(found.rows, wanted.rows, atol=1e-6)
        np.testing.assert_allclose(found.reference, wanted.reference, atol=1e-6)
    for record, other in zip(records, expected, strict=True):
        left, right = _row(record), _row(other)
        for row in (left, right):
            row["scores"] = {n: pytest.approx(s["value"]) for n, s in row["scores"].items()}
            row.pop("predictions")  # a digest of rounded numbers
        assert {k: v for k, v in left.items() if k != "scores"} == {
            k: v for k, v in right.items() if k != "scores"}
        assert [s.value for s in record.scores.values()] == pytest.approx(
            [s.value for s in other.scores.values()], rel=1e-5)


def test_what_makes_a_joined_set_stand_alone(toys: Path) -> None:
    """A limit takes rows across members; an extractor may ask for what one member lacks."""
    def shares(features: str = "mean", **changes: Any) -> list[str]:
        cells = make_plan(selection(features, **{"dataset": BOTH, **changes})).cells
        return [share.prefix for share in cells[0].shares]

    assert shares() == [f"{A}:", f"{B}:"]
    assert shares(limit=5) == [""] and shares(limit=100) == [f"{A}:", f"{B}:"]
    assert shares(allow_partial=True) == [f"{A}:", f"{B}:"]
    bare = f"cross[fit={A},test=pictures[contents=3,labels=bare]]"
    assert len(shares(dataset=bare)) == 2
    assert shares("behind", dataset=bare) == [""]


def test_another_preprocessing_is_another_feature(toys: Path) -> None:
    """A set that is seen at another size in company is not shared with itself alone."""
    (toys / "signs.py").write_text(
        "from benchbench import WrappedDataset, dataset, hookimpl\n"
        "class Signs(WrappedDataset):\n"
        "    name, size = 'signs', 'model'\n"
        "    def __init__(self): super().__init__(dataset('pictures[contents=1]'))\n"
        "    def table(self): return self.whole.table()\n"
        "@hookimpl\n"
        "def benchbench_datasets(): return [Signs]\n"
    )
    forget_plugins()
    chosen = selection(dataset=f"signs,cross[fit={A},test=signs]")
    alone, joined = make_plan(chosen).cells
    assert alone.shares[0].key != joined.shares[1].key
    sized = selection(dataset=chosen.dataset, backbone="net[size=16]")
    alone, joined = make_plan(sized).cells
    assert alone.shares[0].key == joined.shares[1].key


def test_a_failure_in_one_member_names_it(toys: Path, tmp_path: Path) -> None:
    (toys / "small.py").write_text(
        "from benchbench import Extractor, Pixels, hookimpl\n"
        "class Small(Extractor):\n"
        "    name, needs_backbone = 'small', False\n"
        "    def probes(self, facts): return [Pixels()]\n"
        "    def shape(self, facts): return (1,)\n"
        "    def extract(self, signals):\n"
        "        if signals[Pixels()].shape[2] == 40: raise ValueError('too tall')\n"
        "        return signals[Pixels()].float().mean((1, 2, 3))[:, None]\n"
        "@hookimpl\n"
        "def benchbench_extractors(): return [Small]\n"
    )
    forget_plugins()
    tall = "pictures[contents=3,sizes=3]"
    both = f"cross[fit={A},test={tall}]"
    records, told = execute(tmp_path, selection("mean,small", dataset=f"{A},{both}"))
    assert [r.status for r in records] == ["ok", "ok", "ok", "failed"]
    assert records[3].reason == f"in {tall}: ValueError: too tall"
    assert "too tall" in str(records[3].traceback) and _swept(told) == [A, tall]
    # What has failed already is not swept further.
    turned = f"cross[fit={tall},test={B}]"
    records, told = execute(tmp_path, selection("small", dataset=turned))
    assert records[0].status == "failed" and _swept(told) == [tall]


def test_an_interrupted_run_goes_on_at_the_next_member(
    toys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchbench import sweep

    whole = sweep.Sweeper.run

    def stop(self: Any) -> Any:
        if self.dataset.contents == 3:
            raise KeyboardInterrupt
        return whole(self)

    with monkeypatch.context() as patch:
        patch.setattr(sweep.Sweeper, "run", stop)
        with pytest.raises(KeyboardInterrupt):
            execute(tmp_path, selection(dataset=BOTH))
    assert [r.status for r in read_records(tmp_path)] == ["interrupted"]
    records, told = execute(tmp_path, selection(dataset=BOTH))
    assert _swept(told) == [B] and [(r.status, r.attempts) for r in records] == [("ok", 2)]


def test_joined_features_are_exported_with_the_joined_ids(toys: Path, tmp_path: Path) -> None:
    from benchbench.features import features_path, read_features, stored

    (record,), _ = execute(tmp_path, selection(dataset=BOTH))
    key = str(record.features).removeprefix("sha256:")
    ids, values = read_features(key)
    cell = make_plan(selection(dataset=BOTH)).cells[0]
    table = load_table(cell.source.made.part)
    assert set(table["image"]) | set(table["reference"]) == set(ids)
    rows = values[[ids.index(image) for image in table["image"]]]
    np.testing.assert_array_equal(rows, aligned(cell, table).rows)
    assert stored(key)
    features_path(cell.shares[1].key).unlink()
    assert not stored(key)
    _, told = execute(tmp_path, selection(dataset=BOTH), retry="all")
    assert _swept(told) == [B] and stored(key)


def test_conformance_holds_a_joined_set_to_its_members(toys: Path) -> None:
    from benchbench_plugins.cross import Cross

    class Relabelled(Cross):
        """Cheats: a reference that is none there, under which features would be shared."""

        def table(self) -> Any:
            table = super().table()
            return table.assign(reference=[table["reference"][0]] * len(table), group="one")

    class Renamed(Cross):
        def table(self) -> Any:
            table = super().table()
            return table.assign(image="x" + table["image"])

    found = {check.name: check for check in check_dataset(BOTH)}
    assert "failed" not in {check.status for check in found.values()}
    assert found["members"].status == "passed"
    for cheat, said in ((Relabelled, "reference of .* features would be shared wrongly"),
                        (Renamed, "is not <member>:<id there> of")):
        members = next(c for c in check_dataset(cheat(A, B)) if c.name == "members")
        assert members.status == "failed" and re.search(said, members.detail)
