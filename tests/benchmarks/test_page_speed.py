"""The page of many rows: seconds to write it, its weight, and how long a filter takes to answer.

With benchmarks disabled, as in the ordinary suite, the same pages are made smaller and only what
they hold is checked.
"""

from __future__ import annotations

import json
import sys
import time

import pytest

from benchbench.report import html, scatter
from tests.report.browser import opened, started
from tests.report.pages import many, predictions

FILTER = """word => {
    const field = document.getElementById("q"), from = performance.now();
    field.value = word;
    field.dispatchEvent(new Event("input", {bubbles: true}));
    document.body.getBoundingClientRect();  // the answer is laid out
    return [performance.now() - from, document.getElementById("count").value];
}"""


@pytest.fixture
def full(request):
    options = request.config.option
    return bool(options.benchmark_enable or not options.benchmark_disable)


def said(capsys, text):
    with capsys.disabled():
        sys.stdout.write(f"\n{text}\n")


def pages(folder, rows):
    """Boards whose rows all name a file of predictions with as many images as a row may show."""
    predictions(folder / "p.parquet", images=scatter.POINTS)
    boards = many(rows)
    for board in boards:
        for row in board.rows:
            row.predictions = folder / "p.parquet"
    return boards


def test_the_page_is_written_and_weighed(full, tmp_path, capsys, benchmark):
    boards = pages(tmp_path, 1000 if full else 40)
    benchmark.pedantic(html.render, (boards,), rounds=1)
    page = html.render(boards)
    data = json.loads(page.split('id="data">')[1].split("</script>")[0])
    scatters = [values[data["fields"].index("scatter")] for board in data["boards"]
                for values in board["rows"]]
    assert all("x" in found for found in scatters)
    megabytes = len(page.encode()) / 1e6
    assert megabytes < 5
    if full:
        said(capsys, f"{len(scatters)} rows with points: {megabytes:.2f} MB")
        begin = time.perf_counter()
        html.render(pages(tmp_path, 10_000))
        said(capsys, f"10,000 rows, {html.SCATTERS} with points: "
                     f"{time.perf_counter() - begin:.1f} s")


def test_a_filter_answers(full, tmp_path, capsys):
    rows = 10_000 if full else 2000
    file = tmp_path / "index.html"
    file.write_text(html.render(many(rows)), "utf-8")
    taken = []
    with started() as browser, opened(browser, file) as page:
        for top in (0, 4000, 1_000_000):
            page.evaluate("top => scrollTo(0, top)", top)
            page.wait_for_timeout(300)
            for word, share in (("dataset3", 10), ("family7[", 40), ("nothing", None), ("", 1)):
                spent, count = page.evaluate(FILTER, word)
                found = rows // share if share else 0
                assert count == f"{found:,} of {rows:,} rows"
                taken.append(spent)
                page.wait_for_timeout(200)
    if full:
        said(capsys, f"{rows:,} rows: a filter answers in {sorted(taken)[len(taken) // 2]:.0f} ms "
                     f"(median), {max(taken):.0f} ms (longest)")
