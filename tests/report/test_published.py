"""Published rows stand apart, under their own task, dataset and mode, with their source."""

from __future__ import annotations

from pathlib import Path

from benchbench.report import cells
from benchbench.report.boards import boards
from benchbench.report.published import published, published_rows
from benchbench.report.results import of_run
from tests.test_records import record

METRICS = ("srocc", "plcc")


def test_every_figure_is_in_range_and_has_a_source() -> None:
    assert len(published()) > 20
    for entry in published():
        assert entry.source
        assert entry.method
        for metric, value in entry.values.items():
            assert 0 < value < (1 if metric != "rmse" else 12), (entry, metric)


def test_rows_of_tid2013() -> None:
    rows = {row.extractor: row for row in published_rows("iqa", "tid2013", "score", METRICS)
            if "poster" in row.source or row.extractor.startswith("UNIQUE (")}
    kwon, unique = rows["Kwon et al. (gradients)"], rows["UNIQUE (activations)"]
    assert {name: score.value for name, score in kwon.scores.items()} == {"srocc": 0.865}
    assert {name: score.value for name, score in unique.scores.items()} == {
        "srocc": 0.860, "plcc": 0.869}
    assert kwon.source.startswith("ICIP 2019 poster")
    assert "not checked against the paper" in unique.source
    assert all(row.published and row.cell is None and row.rank is None for row in rows.values())


def test_they_stand_last_on_their_board_with_their_source() -> None:
    base = record()
    here = base.model_copy(update={
        "dataset": base.dataset.model_copy(update={"name": "tid2013"}),
        "task": base.task.model_copy(update={"params": {"mode": "score"}})})
    (board,) = boards(of_run([here], Path("out")))
    assert [row.published for row in board.rows] == [False] + [True] * (len(board.rows) - 1)
    found, notes = cells.rows(board)
    assert ["Kwon et al. (gradients)", "published [1]", "0.865", ""] in found
    assert any(note.startswith("published [1]: ICIP 2019 poster") for note in notes)


def test_the_poster_and_the_recalled_table_agree_where_both_have_a_figure() -> None:
    recalled = {(e.dataset, e.method): e.values for e in published()
                if "recalled" in e.source}  # fmt: skip
    charts = [e for e in published() if "bar chart" in e.source]
    assert len(charts) == 12
    for entry in charts:
        other = recalled[entry.dataset, entry.method].get("srocc")
        if entry.method != "SUMMER" and other is not None:
            assert entry.values["srocc"] == other


def test_nothing_elsewhere() -> None:
    for task, dataset, mode in (("iqa", "live", "score"), ("iqa", "tid2013", "nr"),
                                ("ood", "gtsrb-challenges", "outlier-exposure")):  # fmt: skip
        assert published_rows(task, dataset, mode, METRICS) == []
    assert published_rows("ood", "cure-tsr", "outlier-exposure", METRICS) == []
    shown = published_rows("ood", "cure-tsr", "outlier-exposure", ("accuracy rain",))
    values = [row.scores["accuracy rain"].value for row in shown]
    assert values == [0.941, 0.9257, 0.9474, 0.9585]
