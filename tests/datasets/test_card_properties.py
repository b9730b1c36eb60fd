"""Score tables and patterns of every shape, against the standard library."""

from __future__ import annotations

import csv
import os
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbench.cards.files import Finder, count, folders_of, walk
from benchbench.cards.parameters import apply_parameters
from benchbench.cards.rows import read_rows
from benchbench.cards.schema import TableCard
from benchbench.errors import DataError, UsageError

CELL = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")),
               max_size=8).filter(lambda text: text == text.strip())
WORD = st.text("abcXYZ019_.-", min_size=1, max_size=6)
NAME = WORD.filter(lambda name: name.strip(".") != "")


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.tuples(CELL, CELL), min_size=1, max_size=8), bom=st.booleans(),
       delimiter=st.sampled_from([",", ";", "\t", "|"]), end=st.sampled_from(["\n", "\r\n"]))
def test_what_the_csv_writer_wrote_is_read_back(
    rows: list[tuple[str, str]], bom: bool, delimiter: str, end: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "t.csv"
        with file.open("w", newline="", encoding="utf-8-sig" if bom else "utf-8") as handle:
            csv.writer(handle, delimiter=delimiter, lineterminator=end).writerows(
                [("name", "mos"), *rows])
        table = TableCard.model_validate(
            {"file": "t.csv", "delimiter": delimiter, "columns": {"image": "name"}})
        found = read_rows(Path(folder), table, {})
    assert [(row.cells["name"], row.cells["mos"]) for row in found] == rows
    assert [row.line for row in found] == list(range(2, len(rows) + 2))


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.lists(WORD, min_size=2, max_size=2), min_size=1, max_size=8),
       gap=st.sampled_from([" ", "\t", "   "]), turned=st.booleans())
def test_columns_between_blanks_in_either_order(
    rows: list[list[str]], gap: str, turned: bool
) -> None:
    header = ["mos", "name"] if turned else ["name", "mos"]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "t.txt").write_text("\n".join(gap.join(row) for row in rows))
        table = TableCard.model_validate({"file": "t.txt", "delimiter": " ", "header": header,
                                          "columns": {"image": "name"}})
        found = read_rows(Path(folder), table, {})
    assert [row.cells["name"] for row in found] == [row[header.index("name")] for row in rows]


PATTERNS = (
    r"(?P<a>[a-z]+)/(?P<b>[^/]+)\.png", r"x[ab]/[^/]*/(?P<n>\d+)\.png", r"[^/]+\.(?:png|bmp)")


@settings(max_examples=40, deadline=None)
@given(pattern=st.sampled_from(PATTERNS),
       paths=st.sets(st.sampled_from([
           "a/b.png", "A/b.PNG", "xa/q/1.png", "xb//2.png", "xb/r/02.PNG", "xc/q/1.png", "c.bmp",
           "c.BMPx", "d.png", "a/deep/b.png", "9/b.png", "a/.png"])))
def test_a_walk_finds_what_the_whole_pattern_matches(pattern: str, paths: set[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for path in paths:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).touch()
        every = {Path(top, name).relative_to(root).as_posix()
                 for top, _, names in os.walk(root) for name in names}
        found = dict(walk(root, pattern))
        counted = [count(root, pattern, most) for most in (1, 100)]
    whole = re.compile(pattern, re.IGNORECASE)
    truth = {path: match.groupdict() for path in every if (match := whole.fullmatch(path))}
    assert found == truth and counted == [min(1, len(truth)), len(truth)]


def test_folders_are_split_outside_brackets_only() -> None:
    assert folders_of(r"a/[^/]+/(?P<x>[/b]c)/d") == ["a", "[^/]+", "(?P<x>[/b]c)", "d"]


@given(names=st.sets(NAME, max_size=8), asked=NAME)
@settings(max_examples=40, deadline=None)
def test_a_name_stands_for_itself_else_for_the_only_one_like_it(
    names: set[str], asked: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            (Path(folder) / name).touch()
        there = set(os.listdir(folder))
        found = Finder(Path(folder)).find(asked).name
    alike = [name for name in there if name.casefold() == asked.casefold()]
    if asked in there or len(alike) != 1:
        assert found == asked
    else:
        assert found == alike[0]


def test_parameters_lay_their_changes_over_the_card() -> None:
    card = {"name": "c", "folder": "f", "n_official": 3,
            "table": {"file": "a", "columns": {"image": "i", "split": "s"}},
            "parameters": {"kind": ["one", "two"]},
            "when": {"kind": {"two": {"n_official": 4, "table": {"columns": {"split": ""}}}}}}
    first, values = apply_parameters(card, {}, Path("c.toml"))
    assert values == {"kind": "one"} and first["n_official"] == 3
    second, values = apply_parameters(card, {"kind": "two"}, Path("c.toml"))
    assert second == {"name": "c", "folder": "f", "n_official": 4,
                      "table": {"file": "a", "columns": {"image": "i"}}}
    assert card["table"]["columns"] == {"image": "i", "split": "s"}  # left as it was
    with pytest.raises(UsageError, match="parameter kind: got 'three', expected one of one, two"):
        apply_parameters(card, {"kind": "three"}, Path("c.toml"))
    with pytest.raises(UsageError, match="unknown parameter 'kin'; did you mean 'kind'"):
        apply_parameters(card, {"kin": "two"}, Path("c.toml"))
    with pytest.raises(DataError, match=r"key 'when.other': no such parameter or value"):
        apply_parameters({**card, "when": {"other": {"x": {}}}}, {}, Path("c.toml"))
    with pytest.raises(DataError, match=r"key 'parameters.kind': expected a list of values"):
        apply_parameters({**card, "parameters": {"kind": 3}}, {}, Path("c.toml"))


@pytest.mark.parametrize(("table", "said"), [
    ({"pattern": "a(", "columns": {"image": "path"}}, "is not a regular expression"),
    ({"file": "a", "delimiter": " ", "columns": {"image": "i"}}, "needs header"),
    ({"columns": {"image": "i"}}, "needs file, pattern or adapter"),
    ({"file": "a", "columns": {"image": "i"}, "values": {"lable": {}}}, "did you mean 'label'"),
])
def test_a_wrong_table_section_is_refused(table: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        TableCard.model_validate(table)
