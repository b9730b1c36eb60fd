"""Tables as CSV: one flat row a record."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from benchbench.report.rows import flat

if TYPE_CHECKING:
    from benchbench.records import Record


def render(records: Iterable[Record], predictions: Path | None = None) -> str:
    """One row a record; ``predictions`` is not needed for it."""
    rows = flat(records)
    header = list(dict.fromkeys(name for row in rows for name in row))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, header, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()
