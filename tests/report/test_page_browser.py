"""The page in a real headless browser: what a reader can do, and what a record cannot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from benchbench.report import html
from tests.report.browser import opened, started
from tests.report.pages import HOSTILE, many, samples

LIVE, TID = "#board-iqa-live", "#board-iqa-tid2013"
FIRST = "0000000000000001"
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with started() as found:
        yield found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    (folder / "index.html").write_text(html.render(samples(folder)), "utf-8")
    (folder / "many.html").write_text(html.render(many(10_000)), "utf-8")
    (folder / "some.html").write_text(html.render(many(2000)), "utf-8")
    (folder / "none.html").write_text(html.render([]), "utf-8")
    return folder


@pytest.fixture
def page(browser: Any, folder: Path) -> Iterator[Any]:
    with opened(browser, folder / "index.html") as found:
        found.locator(LIVE).scroll_into_view_if_needed()
        found.locator(f"{LIVE} svg.scatter").wait_for()
        yield found


@pytest.fixture(scope="module")
def calm(browser: Any, folder: Path) -> Iterator[Any]:
    """One page for all tests that only look."""
    with opened(browser, folder / "index.html") as found:
        found.locator(LIVE).scroll_into_view_if_needed()
        found.locator(f"{LIVE} svg.scatter").wait_for()
        yield found


def names(page: Any, board: str = LIVE) -> list[str]:
    """The extractors of a board's measured rows, from the top."""
    found: list[str] = page.locator(
        f"{board} tbody:first-of-type tr[id] .open").all_text_contents()
    return found


def head(page: Any, text: str, board: str = LIVE) -> Any:
    return page.locator(f"{board} thead th", has_text=text).first


def test_a_word_leaves_the_rows_that_have_it(page: Any) -> None:
    page.fill("#q", "VAE no-reference")
    assert names(page) == ["latent"]
    assert page.locator("#count").text_content() == "1 of 11 rows"
    assert page.locator(TID).is_hidden()
    page.click("button[type=reset]")
    expect(page.locator("#count")).to_have_text("11 of 11 rows")
    assert page.locator(TID).is_visible()


def test_each_chooser_filters(page: Any) -> None:
    for select, choice, left in (
            ("#f-family", "grad", 3), ("#f-dataset", "tid2013", 3), ("#f-backbone", "vae", 1),
            ("#f-task", "iqa", 11), ("#f-trust", "recomputed from predictions", 1)):
        page.select_option(select, label=choice)
        assert page.locator("#count").text_content() == f"{left} of 11 rows", select
        page.select_option(select, label="all")


def test_controls_can_be_hidden(page: Any) -> None:
    assert page.locator(f"{LIVE} tr.control .tag").text_content() == "control"
    page.check("#f-controls")
    assert "random" not in names(page)
    assert page.locator("#count").text_content() == "9 of 11 rows"
    page.fill("#q", "no such word")
    assert page.locator("#overview-table").text_content() == "No board passes the filter."


def test_a_click_sorts_and_failed_rows_stay_last(page: Any) -> None:
    by_name = ["activation", "grad[layer=layer4]", "latent", "random", "reconstruction"]
    head(page, "Extractor").get_by_role("button").click()
    assert names(page) == by_name
    assert head(page, "Extractor").get_attribute("aria-sort") == "ascending"
    head(page, "RMSE").get_by_role("button").click()
    assert names(page) == ["grad[layer=layer4]", "activation", "latent", "random",
                           "reconstruction"]
    assert head(page, "RMSE").get_attribute("aria-sort") == "ascending"
    assert head(page, "Extractor").get_attribute("aria-sort") is None
    head(page, "RMSE").get_by_role("button").click()
    assert names(page)[0] == "random"
    assert names(page)[-1] == "reconstruction"


def test_keys_sort(page: Any) -> None:
    head(page, "Backbone").get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert head(page, "Backbone").get_attribute("aria-sort") == "ascending"
    assert names(page)[0] == "random"
    page.keyboard.press("Space")
    assert head(page, "Backbone").get_attribute("aria-sort") == "descending"
    assert names(page)[0] == "latent"


def test_published_rows_stand_apart_with_their_source(calm: Any) -> None:
    apart = calm.locator(f"{LIVE} tbody.published")
    assert "Published figures, not measured here" in apart.text_content()
    assert "Mittal 2012" in apart.text_content()
    assert "BRISQUE" in calm.locator(f"{LIVE} tbody").last.text_content()


def test_a_failed_row_says_why_where_its_scores_would_be(calm: Any) -> None:
    assert calm.locator(f"{LIVE} .failed").text_content() == "failed: feature 3 is not finite"


def test_the_overview_names_what_the_best_row_cannot_be_told_apart_from(calm: Any) -> None:
    rows = calm.locator("#overview tbody tr")
    assert rows.nth(0).locator(".ties").text_content() == "activation · resnet20"
    assert rows.nth(1).locator(".ties").text_content() == (
        "no ranking is claimed: 7 groups; the control random · none stands above it")
    assert rows.nth(2).locator(".ties").text_content() == "none: it stands alone"


def test_a_point_names_its_image_under_the_pointer_and_by_keyboard(page: Any) -> None:
    page.locator(f"{LIVE} svg.scatter circle").nth(7).hover()
    assert "photo00" in page.locator("#tip").text_content()
    page.mouse.move(2, 2)
    assert page.locator("#tip").is_hidden()
    points = page.locator(f"{LIVE} svg.scatter circle")
    points.first.focus()
    first = page.locator("#tip").text_content()
    page.keyboard.press("ArrowRight")
    assert points.nth(1).evaluate("point => point === document.activeElement")
    second = page.locator("#tip").text_content()
    assert first != second
    assert "photo00" in first
    assert "photo00" in second
    assert page.locator(f"{LIVE} svg.scatter [tabindex='0']").count() == 1


def test_every_figure_is_there(page: Any) -> None:
    assert page.locator(f"{LIVE} svg.scatter .curve").count() == 1
    assert page.locator(f"{LIVE} svg.scatter circle").count() == 60
    assert page.locator(f"{LIVE} svg.forest circle").count() == 4
    assert page.locator(f"{LIVE} svg.forest .letters").all_text_contents() == [
        "a  1–2", "ab  1–3", "b  2–3", "c  4–4"]
    page.select_option(f"{LIVE} .axis", "parameters")
    assert page.locator(f"{LIVE} svg.cost circle").count() == 4
    assert "parameters of the backbone" in page.locator(f"{LIVE} svg.cost .axes").text_content()
    assert page.locator("#heat figure").first.locator("td").all_text_contents() == [
        "0.90", "0.70", "—", "failed", "0.85", "—", "0.50", "—", "failed", "—", "0.05", "0.75"]


def test_one_dataset_alone_has_no_heat_map(page: Any) -> None:
    page.fill("#q", "tid2013")
    assert page.locator("#heat").is_hidden()


def test_a_link_opens_its_row(browser: Any, folder: Path) -> None:
    with opened(browser, folder / "index.html", f"#cell={FIRST}") as page:
        row = page.locator(f"#cell-{FIRST}")
        assert row.get_attribute("class") == "linked"
        page.wait_for_timeout(100)
        box = row.bounding_box()
        assert 0 <= box["y"] < 900
        detail = page.locator(f"#row-{FIRST}")
        assert detail.locator("code").text_content() == (
            "benchbench run --features grad[layer=layer4]")
        assert detail.locator("a").first.get_attribute("href") == f"./results/iqa/{FIRST}.json"
        assert detail.locator("svg.scatter circle").count() == 60
        page.keyboard.press("Enter")
        assert detail.count() == 0


def test_a_link_to_an_unknown_row_is_said(browser: Any, folder: Path) -> None:
    with opened(browser, folder / "index.html", "#cell=nowhere") as page:
        assert page.locator("#count").text_content() == "no row has the cell nowhere"


def test_the_command_is_copied(browser: Any, folder: Path) -> None:
    with opened(browser, folder / "index.html", f"#cell={FIRST}") as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.locator(f"#row-{FIRST} .repeat button").click()
        page.locator(f"#row-{FIRST} .repeat [role=status]", has_text="copied").wait_for()
        assert page.evaluate("navigator.clipboard.readText()") == (
            "benchbench run --features grad[layer=layer4]")


def test_what_a_record_holds_is_shown_and_never_runs(page: Any) -> None:
    page.locator(TID).scroll_into_view_if_needed()
    page.locator(f"{TID} tr.bad .open").click()
    assert page.locator(f"{TID} tr.bad .open").text_content() == HOSTILE
    link = page.locator(f"{TID} .detail a").first
    assert link.get_attribute("href") == "./javascript%3Awindow.pwned%3D3"
    assert page.evaluate("window.pwned") is None
    assert page.locator("img, iframe, object, script[src]").count() == 0


def test_the_policy_stops_what_would_be_put_in_anyway(browser: Any, folder: Path) -> None:
    """Markup that got into the document all the same would be inert."""
    context = browser.new_context()
    page = context.new_page()
    page.goto((folder / "index.html").as_uri())
    page.evaluate("""document.body.insertAdjacentHTML('beforeend',
        '<img src=x onerror="window.pwned = 1">')""")
    page.wait_for_timeout(100)
    assert page.evaluate("window.pwned") is None
    context.close()


def lightness(page: Any) -> float:
    found: float = page.evaluate("""() => { const probe = document.createElement('canvas')
        .getContext('2d'); probe.fillStyle = getComputedStyle(document.body).backgroundColor;
        probe.fillRect(0, 0, 1, 1); return probe.getImageData(0, 0, 1, 1).data[0]; }""")
    return found


@pytest.mark.parametrize(("scheme", "bright"), [("light", True), ("dark", False)])
def test_the_theme_follows_the_system_until_it_is_chosen(
    browser: Any, folder: Path, scheme: Any, bright: bool
) -> None:
    with opened(browser, folder / "index.html", color_scheme=scheme) as page:
        assert (lightness(page) > 128) is bright
        page.click("#theme")
        assert page.locator("#theme").text_content() == "Theme: light"
        assert lightness(page) > 128
        page.click("#theme")
        assert lightness(page) < 128
        page.reload()
        assert page.locator("#theme").text_content() == "Theme: dark"
        assert lightness(page) < 128


def test_a_phone_scrolls_tables_and_not_the_page(browser: Any, folder: Path) -> None:
    with opened(browser, folder / "index.html", f"#cell={FIRST}", **PHONE) as page:
        page.locator(f"{LIVE} svg.scatter").first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.locator(f"{LIVE} .scroll").evaluate("el => el.scrollWidth > el.clientWidth")


def test_print_is_light_whole_and_without_controls(browser: Any, folder: Path) -> None:
    with opened(browser, folder / "some.html", color_scheme="dark") as page:
        page.locator("#board-iqa-dataset9").scroll_into_view_if_needed()
        rows = page.locator("#board-iqa-dataset9 tbody tr[id]")
        expect(rows).to_have_count(100)
        page.fill("#q", "dataset9")
        page.emulate_media(media="print")
        expect(rows).to_have_count(200)
        assert page.locator("#filters").is_hidden()
        assert page.locator("#theme").is_hidden()
        assert lightness(page) > 128
        page.emulate_media(media="screen")
        expect(rows).to_have_count(100)


def test_ten_thousand_rows_are_filtered_and_drawn_in_part(browser: Any, folder: Path) -> None:
    with opened(browser, folder / "many.html") as page:
        page.fill("#q", "family7[ dataset3")
        assert page.locator("#count").text_content() == "25 of 10,000 rows"
        page.fill("#q", "dataset3")
        board = page.locator("#board-iqa-dataset3")
        board.scroll_into_view_if_needed()
        board.locator("button.more").click()
        assert board.locator("tbody tr[id]").count() == 1000
        assert board.locator("button.more").is_hidden()


def test_mean_ranks_stand_where_there_are_tables_enough(browser: Any, folder: Path) -> None:
    with opened(browser, folder / "some.html") as page:
        means = page.locator("#means")
        assert "Mean rank over 10 tables: iqa · no-reference" in means.text_content()
        assert means.locator("tbody tr").first.locator("td").all_text_contents() == [
            "backbone0", "1.00", "1.00 … 1.00"]


def test_no_boards_is_said(browser: Any, folder: Path) -> None:
    with opened(browser, folder / "none.html") as page:
        assert page.locator("#overview-table").text_content() == "No record yet."


def test_the_skip_link_comes_first(browser: Any, folder: Path) -> None:
    with opened(browser, folder / "index.html") as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "overview"
