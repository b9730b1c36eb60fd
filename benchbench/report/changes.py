"""What changed between two runs: paired differences of the same methods on the same images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbench.errors import UsageError
from benchbench.records import predictions_path, read_records
from benchbench.report.names import backbone_name, extractor_name, heading, table_name
from benchbench.report.ranking import METRICS, resampled

if TYPE_CHECKING:
    from benchbench.records import Record


def changes(run_a: Path, run_b: Path) -> list[dict[str, Any]]:
    """One row a method that stands in either run: its primary metric in A and B, the difference
    with its 95 % interval over groups, and what there is to say.

    Raises ``UsageError`` where a run has no records or the two share no method.
    """
    found_a, found_b = _by_method(run_a), _by_method(run_b)
    if not found_a.keys() & found_b.keys():
        raise UsageError(f"{run_a} and {run_b} share no method on the same dataset; "
                         "nothing can be compared")
    return [_row(name, found_a.get(name), found_b.get(name), run_a, run_b)
            for name in sorted(found_a.keys() | found_b.keys())]


def render(rows: list[dict[str, Any]]) -> str:
    """The rows as a table for a terminal."""
    from tabulate import tabulate

    shown = [[r["table"], r["extractor"], r["backbone"], heading(r["metric"]), _number(r["a"]),
              _number(r["b"]), _number(r["difference"], "+.3f"), _interval(r), r["note"]]
             for r in rows]
    head = ["table", "extractor", "backbone", "metric", "A", "B", "B − A", "95 % interval", "note"]
    return tabulate(shown, head, tablefmt="simple", disable_numparse=True,
                    colalign=["left"] * 4 + ["right"] * 4 + ["left"])


def _by_method(run: Path) -> dict[tuple[str, ...], Record]:
    records = read_records(run)
    if not records:
        raise UsageError(f"{run}: no records in {run / 'cells'}; name a folder that "
                         "`benchbench run --out` has written")
    return {(" · ".join(filter(None, table_name(r))), extractor_name(r), backbone_name(r),
             str(r.seed)): r for r in records}


def _row(name: tuple[str, ...], a: Record | None, b: Record | None,
         run_a: Path, run_b: Path) -> dict[str, Any]:
    some = a or b
    assert some is not None
    metric = some.task.metrics[0] if some.task.metrics else ""
    row: dict[str, Any] = {
        "table": name[0], "extractor": name[1], "backbone": name[2], "seed": some.seed,
        "metric": metric, "a": _value(a, metric), "b": _value(b, metric), "difference": None,
        "low": None, "high": None, "reliable": None, "note": "",
    }
    if a is None or b is None:
        row["note"] = f"only in {'B' if a is None else 'A'}"
    elif a.status != "ok" or b.status != "ok":
        row["note"] = f"A {a.status}, B {b.status}"
    elif a.dataset.fingerprint != b.dataset.fingerprint:
        row["note"] = "other images or labels: not comparable"
    elif a.cell == b.cell:
        row |= {"difference": _difference(row), "note": "the same cell"}
    else:
        row["difference"] = _difference(row)
        row |= _paired(a, b, metric, run_a, run_b)
    return row


def _paired(a: Record, b: Record, metric: str, run_a: Path, run_b: Path) -> dict[str, Any]:
    """The interval of the difference, from the two files of predictions."""
    import numpy as np

    from benchbench.statistics.intervals import interval_of

    paths = predictions_path(run_a, a.cell), predictions_path(run_b, b.cell)
    if metric not in METRICS or not all(path.is_file() for path in paths):
        return {"note": "no predictions to pair"}
    one, other = (resampled(path, metric, a.seed) for path in paths)
    if one is None or other is None:
        return {"note": "labels or test sets withheld: not paired"}
    if one.n_groups != other.n_groups:
        return {"note": "other test groups: not paired"}
    point = float(np.nanmedian(other.scores[metric]) - np.nanmedian(one.scores[metric]))
    found = interval_of(point, other.medians[metric] - one.medians[metric], one.n_groups,
                        scale="plain")
    if found.low is None or found.high is None:
        return {"note": found.note or "no interval"}
    clear = found.low > 0 or found.high < 0
    said = "differs" if clear and found.reliable else "cannot be told apart"
    return {"low": found.low, "high": found.high, "reliable": found.reliable,
            "note": said if found.reliable else "too few groups to tell"}


def _value(record: Record | None, metric: str) -> float | None:
    score = record.scores.get(metric) if record is not None else None
    return score.value if score is not None else None


def _difference(row: dict[str, Any]) -> float | None:
    return None if row["a"] is None or row["b"] is None else float(row["b"] - row["a"])


def _number(value: float | None, form: str = ".3f") -> str:
    return "" if value is None else format(value, form)


def _interval(row: dict[str, Any]) -> str:
    if row["low"] is None:
        return ""
    return f"{'' if row['reliable'] else '~'}{row['low']:+.3f} … {row['high']:+.3f}"
