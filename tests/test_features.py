"""Feature files: written row by row, resumed, readable by safetensors, and never half read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load_file

from benchbench.errors import DataError
from benchbench.features import (
    FeatureWriter,
    feature_metadata,
    features_path,
    read_features,
    stored,
)

IDS = ["a.png", "b.png", "über/c.png", "d.png"]
VALUES = np.arange(24, dtype=np.float32).reshape(4, 2, 3) / 7


def _write(key: str = "k", order: tuple[int, ...] = (0, 1, 2, 3)) -> Path:
    writer = FeatureWriter(key, IDS, (2, 3), {"identity": '{"a":1}'})
    for row in order:
        writer.write([row], VALUES[[row]])
    return writer.finish()


def test_what_is_written_is_read(store: Path) -> None:
    assert not stored("k")
    assert _write(order=(2, 0, 3, 1)) == features_path("k")
    assert stored("k")
    ids, values = read_features("k")
    assert ids == IDS
    np.testing.assert_array_equal(values, VALUES)
    assert values.dtype == np.float32 and not values.flags.writeable
    assert feature_metadata("k") == {"identity": '{"a":1}'}
    assert [path.name for path in (store / "features").iterdir()] == ["k.safetensors"]


def test_safetensors_reads_the_file(store: Path) -> None:
    path = _write()
    found = load_file(path)
    np.testing.assert_array_equal(found["features"], VALUES)
    assert bytes(found["ids"]).decode().split("\n") == IDS
    with safe_open(path, framework="numpy") as file:  # type: ignore[no-untyped-call]
        assert file.metadata() == {"identity": '{"a":1}'}


def test_the_file_does_not_depend_on_the_order_of_writing(store: Path) -> None:
    first, second = _write("k"), _write("l", (3, 1, 0, 2))
    assert first.read_bytes() == second.read_bytes()


def test_a_score_has_no_further_axes(store: Path) -> None:
    writer = FeatureWriter("s", IDS, (), {})
    writer.write([3, 1, 0, 2], np.array([3.0, 1.0, 0.0, 2.0]))
    writer.finish()
    np.testing.assert_array_equal(read_features("s")[1], [0, 1, 2, 3])
    assert load_file(features_path("s"))["features"].shape == (4,)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ids=st.lists(st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1),
                 min_size=1, max_size=5, unique=True),
    shape=st.lists(st.integers(1, 4), max_size=3).map(tuple),
)
def test_any_ids_and_shapes(store: Path, ids: list[str], shape: tuple[int, ...]) -> None:
    features_path("h").unlink(missing_ok=True)
    values = np.random.default_rng(0).normal(size=(len(ids), *shape)).astype(np.float32)
    writer = FeatureWriter("h", ids, shape, {})
    writer.write(range(len(ids)), values)
    writer.finish()
    assert read_features("h")[0] == ids
    np.testing.assert_array_equal(read_features("h")[1], values)
    np.testing.assert_array_equal(load_file(features_path("h"))["features"], values)


def test_a_missing_row_is_not_finished(store: Path) -> None:
    writer = FeatureWriter("k", IDS, (2, 3), {})
    writer.write([0, 1, 2], VALUES[:3])
    with pytest.raises(DataError, match="1 rows were never written"):
        writer.finish()
    assert not stored("k")


def test_a_writer_goes_on_where_the_last_checkpoint_was(store: Path) -> None:
    first = FeatureWriter("k", IDS, (2, 3), {})
    first.write([1, 3], VALUES[[1, 3]])
    first.checkpoint()
    first.write([0], VALUES[[0]])  # not said to be complete
    del first
    second = FeatureWriter("k", IDS, (2, 3), {})
    assert second.done.tolist() == [False, True, False, True]
    second.write([0, 2], VALUES[[0, 2]])
    second.finish()
    np.testing.assert_array_equal(read_features("k")[1], VALUES)


@pytest.mark.parametrize("change", ["ids", "shape", "metadata", "short", "long", "rows", "no rows"])
def test_another_layout_or_a_damaged_part_is_begun_anew(store: Path, change: str) -> None:
    first = FeatureWriter("k", IDS, (2, 3), {})
    first.write([0, 1], VALUES[:2])
    first.checkpoint()
    first.close()
    part, rows = (store / "features" / f"k.{suffix}" for suffix in ("part", "rows"))
    ids, shape, metadata = IDS, (2, 3), {}
    if change == "ids":
        ids = [*IDS[:3], "e.png"]
    elif change == "shape":
        shape = (3, 2)
    elif change == "metadata":
        metadata = {"identity": "other"}
    elif change == "short":
        part.write_bytes(part.read_bytes()[:-1])
    elif change == "long":
        part.write_bytes(part.read_bytes() + b"x")
    elif change == "rows":
        rows.write_bytes(rows.read_bytes()[:-2])
    else:
        rows.unlink()
    assert not FeatureWriter("k", ids, shape, metadata).done.any()


def test_rows_of_another_layout_are_never_taken_for_this_one_s(store: Path) -> None:
    """A writer of another layout is killed before its first checkpoint: the word for its rows is
    then still the first writer's."""
    first = FeatureWriter("k", IDS, (2, 3), {"identity": "one"})
    first.write([0, 1], VALUES[:2])
    first.checkpoint()
    first.close()
    FeatureWriter("k", IDS, (2, 3), {"identity": "two"}).close()
    assert not FeatureWriter("k", IDS, (2, 3), {"identity": "two"}).done.any()


def _damages(data: bytes) -> dict[str, bytes]:
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    del header["ids"]
    text = json.dumps(header).encode()
    return {
        "empty": b"",
        "seven bytes": data[:7],
        "header only": data[: 8 + size],
        "last byte gone": data[:-1],
        "a byte more": data + b"\n",
        "no JSON": data[:8] + b"x" * size + data[8 + size :],
        "a list": (2).to_bytes(8, "little") + b"[]",
        "endless header": (1 << 62).to_bytes(8, "little") + data[8:],
        "no ids": len(text).to_bytes(8, "little") + text + data[8 + size :],
        "too few ids": data.replace(b"a.png\nb.png", b"a.png\tb.png"),
    }


@pytest.mark.parametrize(
    "damage",
    ["empty", "seven bytes", "header only", "last byte gone", "a byte more", "no JSON", "a list",
     "endless header", "no ids", "too few ids"],
)
def test_a_damaged_file_is_refused(store: Path, damage: str) -> None:
    path = _write()
    path.write_bytes(_damages(path.read_bytes())[damage])
    with pytest.raises(DataError, match=r"k\.safetensors: unreadable \(.*\); remove the file"):
        read_features("k")


def test_a_file_that_is_not_there(store: Path) -> None:
    with pytest.raises(DataError, match="unreadable"):
        read_features("k")
