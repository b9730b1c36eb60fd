"""What is wrong with a file, in one line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

LONGEST = 100
"""Characters of a value; an error's words may be four times as long."""


@dataclass(frozen=True, slots=True)
class Problem:
    """``what`` of ``file`` was ``expected`` and is ``found``; ``do`` says what helps."""

    file: Path
    what: str
    expected: Any
    found: Any
    do: str

    def __str__(self) -> str:
        return (f"{self.file}: {self.what}: expected {shown(self.expected)}, "
                f"found {shown(self.found)}; {self.do}")


@dataclass(frozen=True, slots=True)
class Words:
    """Text that is said as it is, not quoted as a value."""

    text: str


def shown(value: Any) -> str:
    """A value of a record in one line without control characters, cut where it is long."""
    said = isinstance(value, Words)
    text = printable(value.text if said else repr(value))
    most = 4 * LONGEST if said else LONGEST
    return text if len(text) <= most else f"{text[:most]}…"


def printable(text: str) -> str:
    """The text without what would move or colour a terminal's lines."""
    return "".join(c if c.isprintable() else "?" for c in text)
