"""From rows to the columns of a dataset's table, checked as they are filled."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from benchbench.cards.files import whole
from benchbench.cards.rows import Row, groups_of
from benchbench.cards.schema import Card
from benchbench.errors import DataError, UsageError, nearest

_FIELD = re.compile(r"\{([^{}]+)\}")
_YES, _NO = ("true", "1", "yes"), ("false", "0", "no")
Values = Mapping[str, Mapping[str, bool | int | str]]


def fill_columns(
    card: Card, rows: list[Row], values: Values, filters: Mapping[str, set[str]]
) -> tuple[dict[str, list[Any]], list[Row]]:
    """The columns, and the rows that are left. Raises ``DataError`` with file and line for an
    image that the pattern does not know, a doubled one, a value outside the card's list, a score
    that is no number or out of range."""
    table, columns = card.table, card.table.columns.model_dump(exclude_none=True)
    for column, texts in table.drop.items():
        rows = [row for row in rows if row.cells.get(column) not in texts]
    optional = groups_of(table) | set(table.also)
    images = [_fill(columns["image"], row) for row in rows]
    if table.pattern and (table.file or table.adapter):
        for row, image in zip(rows, images, strict=True):
            row.cells.update(_groups(table.pattern, image, row))
    data: dict[str, list[Any]] = {"image": images}
    for role, source in columns.items():
        if role != "image" and any(has := [_has(source, row, optional) for row in rows]):
            known = values.get(role)
            read = _translated(role, known) if known is not None else _READERS.get(role, _text)
            data[role] = [read(_fill(source, row), row, source) if there else None
                          for row, there in zip(rows, has, strict=True)]
    for role in ("level", "label"):
        if role in data and role not in values:
            data[role] = _numbers(data[role], role)
    for role, wanted in filters.items():
        _check_asked(card, role, wanted, data.get(role, ()))
        keep = [str(value) in wanted for value in data.get(role, ())]
        rows = _kept(rows, keep)
        data = {name: _kept(column, keep) for name, column in data.items()}
    for role, wanted in filters.items():  # a level may be missing in one split alone
        _check_asked(card, role, wanted, data.get(role, ()), " with the others asked for")
    _check_doubles(data["image"], rows)
    _check_scores(card, data, rows)
    return data, rows


def read_values(card: Card, folder: Path) -> dict[str, dict[str, bool | int | str]]:
    """``table.values``, those that are files (beside the card, columns value and meaning) read."""
    found: dict[str, dict[str, bool | int | str]] = {}
    for role, given in card.table.values.items():
        if isinstance(given, str):
            with (folder / given).open(newline="", encoding="utf-8") as handle:
                given = {row["value"]: row["meaning"] for row in csv.DictReader(handle)}
            if all(str(text).isdecimal() for text in given.values()):
                given = {value: int(text) for value, text in given.items()}
        found[role] = dict(given)
    return found


def _fill(source: str, row: Row) -> str:
    """A column's cell, or a template filled from the row's cells."""
    try:
        if "{" not in source:
            return row.cells[source]
        return _FIELD.sub(lambda match: row.cells[match[1]], source)
    except KeyError as error:
        name = str(error.args[0])
        hint = nearest(name, row.cells) or f"there are {', '.join(row.cells)}"
        raise DataError(f"{row.place}: the card asks for {name!r}, which neither the table nor the "
                        f"pattern has; {hint}") from error


def _has(source: str, row: Row, optional: set[str]) -> bool:
    """Whether the row has all that the column asks for. What a pattern that did not match, or a
    file that is not there, would have given may be missing."""
    names = _FIELD.findall(source) if "{" in source else [source]
    return all(name in row.cells or name not in optional for name in names)


def _groups(patterns: tuple[str, ...], image: str, row: Row) -> dict[str, str]:
    for pattern in patterns:
        if match := whole(pattern).fullmatch(image):
            return {name: value or "" for name, value in match.groupdict().items()}
    raise DataError(f"{row.place}: image {image!r} is not named as the card says, "
                    f"{' or '.join(patterns)}; correct the table or the card")


Reader = Callable[[str, Row, str], Any]


def _text(text: str, row: Row, column: str) -> str:
    return text


def _number(text: str, row: Row, column: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{row.place}: {column} is {text!r}, expected a finite number")
    return value


def _boolean(text: str, row: Row, column: str) -> bool:
    folded = text.casefold()
    if folded not in _YES + _NO:
        raise DataError(f"{row.place}: {column} is {text!r}, expected true or false")
    return folded in _YES


_READERS: dict[str, Reader] = {
    "score": _number, "score_std": _number, "outlier": _boolean,
}


def _translated(role: str, known: Mapping[str, bool | int | str]) -> Reader:
    def read(text: str, row: Row, column: str) -> bool | int | str:
        if text not in known:
            hint = nearest(text, known) or f"known: {', '.join(list(known)[:30])}"
            raise DataError(f"{row.place}: {role} is {text!r}, which the card does not know; "
                            f"{hint}")
        return known[text]

    return read


def _numbers(texts: list[str], role: str) -> list[Any]:
    """Whole numbers where all are; a label only where no two spellings would become one."""
    try:
        numbers = [int(text) for text in texts]
    except (TypeError, ValueError):  # None where there is none
        return texts
    if role == "label" and any(str(n) != text for n, text in zip(numbers, texts, strict=True)):
        return texts
    return numbers


def _check_asked(
    card: Card, role: str, wanted: set[str], values: Iterable[Any], among: str = ""
) -> None:
    known = {str(value): None for value in values}
    for text in sorted(wanted - set(known)):
        hint = nearest(text, known) or f"there are {', '.join(list(known)[:30]) or 'none'}"
        raise UsageError(f"{card.name}: {role}={text}: no row has it{among}; {hint}")


def _kept(items: list[Any], keep: list[bool]) -> list[Any]:
    return [item for item, stays in zip(items, keep, strict=True) if stays]


def _check_doubles(images: list[str], rows: list[Row]) -> None:
    if len(set(images)) == len(images):
        return
    first: dict[str, Row] = {}
    for image, row in zip(images, rows, strict=True):
        if image in first:
            raise DataError(f"{row.place}: image {image!r} stands in {first[image].place} too; "
                            "ids must be unique")
        first[image] = row


def _check_scores(card: Card, data: dict[str, list[Any]], rows: list[Row]) -> None:
    if card.score is None or "score" not in data:
        return
    if card.score.range is not None:
        low, high = card.score.range
        for value, row in zip(data["score"], rows, strict=True):
            if not low <= value <= high:
                raise DataError(f"{row.place}: score {value:g} is outside the card's range "
                                f"{low:g} to {high:g}; mend the table or the card")
    if "score_std" in data:
        power = 0.5 if card.score.std_is_variance else 1.0
        for value, row in zip(data["score_std"], rows, strict=True):
            if value < 0:
                raise DataError(f"{row.place}: deviation {value:g} is below 0")
        data["score_std"] = [card.score.std_factor * v**power for v in data["score_std"]]
    if card.levels is not None and rows:
        _check_direction(card, data, rows[0])


def _check_direction(card: Card, data: dict[str, list[Any]], row: Row) -> None:
    """A higher level is a worse image: scores that rise with it where higher is better, or fall
    where lower is, say that the direction is wrong."""
    assert card.levels is not None and card.score is not None
    ends: dict[Any, dict[int, list[float]]] = {}
    for distortion, level, score in zip(data["distortion"], data["level"], data["score"],
                                        strict=True):
        if distortion not in card.levels.except_:
            ends.setdefault(distortion, {}).setdefault(level, []).append(score)
    sign = 1 if card.score.higher_is_better else -1
    wrong: list[str] = []
    right: list[str] = []
    for distortion, levels in ends.items():
        first, last = (sum(levels[k]) / len(levels[k]) for k in (min(levels), max(levels)))
        if len(levels) > 1 and first != last:
            (right if sign * (first - last) > 0 else wrong).append(str(distortion))
    if len(wrong) > len(right):
        better = "higher" if card.score.higher_is_better else "lower"
        raise DataError(f"{row.file}: the card says that a {better} score is better, but scores "
                        f"get better with the level in {len(wrong)} of {len(wrong) + len(right)} "
                        f"distortions ({', '.join(wrong[:5])}); the direction is the wrong way "
                        "round, or these are other scores")
