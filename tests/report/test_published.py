"""Published rows stand apart, under their own task, dataset and mode, with their source."""

from __future__ import annotations

from benchbench.report.published import published, published_rows

METRICS = ("srocc", "plcc")
HEADER = ["extractor", "backbone", "SROCC", "95 % interval", "PLCC", "ties"]


def test_every_figure_is_in_range_and_has_a_source() -> None:
    assert len(published()) > 20
    for entry in published():
        assert entry.source
        assert entry.method
        for metric, value in entry.values.items():
            assert 0 < value < (1 if metric != "rmse" else 12), (entry, metric)


def test_rows_of_tid2013() -> None:
    rows, sources = published_rows("iqa", "tid2013", "score", METRICS, HEADER)
    assert ["Kwon et al. (gradients)", "published [1]", "0.865", "", "", ""] in rows
    assert ["UNIQUE (activations)", "published [2]", "0.860", "", "0.869", ""] in rows
    assert all(len(row) == len(HEADER) for row in rows)
    assert sources[0].startswith("published [1]: ICIP 2019 poster")
    assert "not checked against the paper" in sources[1]


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
        assert published_rows(task, dataset, mode, METRICS, HEADER) == ([], [])
    assert published_rows("ood", "cure-tsr", "outlier-exposure", METRICS, HEADER) == ([], [])
    shown, _ = published_rows("ood", "cure-tsr", "outlier-exposure", ("accuracy rain",),
                              ["extractor", "backbone", "accuracy rain"])  # fmt: skip
    assert [row[2] for row in shown] == ["0.941", "0.926", "0.947", "0.959"]
