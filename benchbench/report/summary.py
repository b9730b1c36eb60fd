"""How a run ends: the table, the paths written, the count of cells by status."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from benchbench.report import csv, markdown, text
from benchbench.report.boards import boards
from benchbench.report.results import of_run
from benchbench.store import write_text

if TYPE_CHECKING:
    from benchbench.records import Record


def finish(records: list[Record], out: Path) -> str:
    """Write the run's tables and give the closing text."""
    found = boards(of_run(records, out), out)
    write_text(out / "leaderboard.md", markdown.render(found))
    write_text(out / "leaderboard.csv", csv.render(found))
    counts = Counter(record.status for record in records)
    total = f"{len(records)} cells: " + ", ".join(
        f"{counts[status]} {status}" for status in
        ("ok", "skipped", "failed", "timeout", "oom", "interrupted") if counts[status])
    closing = [f"written: {out / 'leaderboard.md'}, {out / 'leaderboard.csv'}, "
               f"records in {out / 'cells'}", total]
    reasons = {f"  {r.status}: {r.extractor.name} · {r.task.name}: {r.reason}"
               for r in records if r.status != "ok"}
    if counts.total() > counts["ok"] + counts["skipped"]:
        closing.append("see why with `benchbench show CELL`; `--retry failed` tries again")
    return "\n".join([text.render(found), "", *closing, *sorted(reasons)])
