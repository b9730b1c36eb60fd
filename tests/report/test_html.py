"""The page as text: the same bytes, nothing that could run, points that are the predictions."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchbench.report import html, scatter
from benchbench.statistics.mapping import fit_logistic
from tests.report.pages import HOSTILE, board, many, predictions, row, samples


class Elements(HTMLParser):
    """All elements by tag, with their attributes and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.open = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs), []))
        self.open = True

    def handle_endtag(self, tag: str) -> None:
        self.open = False

    def handle_data(self, data: str) -> None:
        if self.open:
            self.found[-1][2].append(data)

    def of(self, tag: str) -> list[tuple[dict[str, str | None], str]]:
        return [(attrs, "".join(text)) for name, attrs, text in self.found if name == tag]


def data_of(page: str) -> dict[str, Any]:
    texts = [text for attrs, text in Elements(page).of("script") if attrs.get("id") == "data"]
    found: dict[str, Any] = json.loads(texts[0])
    return found


def rows_of(page: str, number: int = 0) -> list[dict[str, Any]]:
    data = data_of(page)
    return [dict(zip(data["fields"], values, strict=True))
            for values in data["boards"][number]["rows"]]


def test_the_same_boards_give_the_same_bytes(tmp_path: Path) -> None:
    assert html.render(samples(tmp_path)) == html.render(samples(tmp_path))


def test_the_policy_allows_the_pages_own_script_and_style_and_nothing_else(tmp_path: Path) -> None:
    elements = Elements(html.render(samples(tmp_path)))
    policy = next(attrs["content"] for attrs, _ in elements.of("meta")
                  if attrs.get("http-equiv") == "Content-Security-Policy")
    scripts = [text for attrs, text in elements.of("script") if "type" not in attrs]
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
              for text in (*scripts, *(text for _, text in elements.of("style")))]
    assert len(hashes) == 2
    assert policy == ("default-src 'none'; base-uri 'none'; form-action 'none'; "
                      f"script-src 'sha256-{hashes[0]}'; style-src 'sha256-{hashes[1]}'")


def test_the_page_names_no_address_and_loads_no_file(tmp_path: Path) -> None:
    elements = Elements(html.render(samples(tmp_path)))
    assert not [name for name, attrs, _ in elements.found if "src" in attrs]
    assert not elements.of("link")
    assert not any(name.startswith("on") for _, attrs, _ in elements.found for name in attrs)


def test_what_a_record_holds_is_only_in_the_data_and_comes_back_whole(tmp_path: Path) -> None:
    page = html.render(samples(tmp_path))
    assert len(Elements(page).of("script")) == 2
    assert not Elements(page).of("img")
    assert rows_of(page, 1)[1]["extractor"] == HOSTILE


def test_line_separators_of_javascript_are_escaped() -> None:
    page = html.render([board([row("a\u2028b\u2029c&", 0.5)])])
    assert "\u2028" not in page
    assert "\u2029" not in page
    assert rows_of(page)[0]["extractor"] == "a\u2028b\u2029c&"


def test_points_are_the_first_splits_predictions_within_rounding(tmp_path: Path) -> None:
    frame = predictions(tmp_path / "p.parquet")
    page = html.render([board([row("grad", 0.9, predictions=tmp_path / "p.parquet")])])
    points, found = data_of(page)["boards"][0]["points"], rows_of(page)[0]["scatter"]
    first = frame[frame["split"] == 0].set_index("image")
    images = [points["images"][i]
              for i in np.frombuffer(base64.b64decode(points["sets"][found["set"]]), "<u4")]
    assert sorted(images) == sorted(first.index)
    assert (found["split"], found["n"]) == (0, len(first))
    at = [points["images"].index(image) for image in images]
    np.testing.assert_allclose(unpacked(found["x"]), first.loc[images, "prediction"], atol=2e-5)
    np.testing.assert_allclose(unpacked(points["targets"])[at], first.loc[images, "target"],
                               atol=2e-3)


def test_the_curve_is_the_mapping_before_plcc_fitted_to_the_whole_split(tmp_path: Path) -> None:
    frame = predictions(tmp_path / "p.parquet", images=scatter.POINTS + 200)
    page = html.render([board([row("grad", 0.9, predictions=tmp_path / "p.parquet")])])
    first = frame[frame["split"] == 0]
    found = rows_of(page)[0]["scatter"]
    fit = fit_logistic(first["prediction"], first["target"])
    x = np.linspace(first["prediction"].min(), first["prediction"].max(), scatter.CURVE)
    assert found["fit"] == fit.kind
    np.testing.assert_allclose(unpacked(found["y"]), fit(x), atol=3e-3)


def test_a_large_split_is_sampled_by_the_digests_of_its_images(tmp_path: Path) -> None:
    frame = predictions(tmp_path / "p.parquet", images=scatter.POINTS + 200)
    page = html.render([board([row("grad", 0.9, predictions=tmp_path / "p.parquet")])])
    wanted = sorted(set(frame["image"]), key=lambda name: hashlib.sha256(name.encode()).digest())
    assert sorted(data_of(page)["boards"][0]["points"]["images"]) == sorted(
        wanted[:scatter.POINTS])


def test_rows_of_one_split_share_their_images(tmp_path: Path) -> None:
    predictions(tmp_path / "p.parquet")
    rows = [row(name, 0.9, i, predictions=tmp_path / "p.parquet") for i, name in enumerate("abc")]
    assert len(data_of(html.render([board(rows)]))["boards"][0]["points"]["sets"]) == 1


@pytest.mark.parametrize(("make", "said"), [
    (lambda frame: frame.drop(columns=["target"]), "targets withheld"),
    (lambda frame: frame.assign(target=frame["target"] > 50), "classes, not scores"),
    (lambda frame: frame.assign(prediction=np.nan), "not finite"),
    (lambda frame: frame[:0], "no predictions in the file"),
    (lambda frame: frame.rename(columns={"image": "other"}), "cannot be read"),
])
def test_a_row_without_points_says_why(tmp_path: Path, make: Any, said: str) -> None:
    make(predictions(tmp_path / "p.parquet")).to_parquet(tmp_path / "p.parquet")
    page = html.render([board([row("grad", 0.9, predictions=tmp_path / "p.parquet")])])
    assert said in rows_of(page)[0]["scatter"]["why"]


def test_a_broken_file_of_predictions_stops_no_page(tmp_path: Path) -> None:
    (tmp_path / "p.parquet").write_bytes(b"PAR1 and nothing more")
    page = html.render([board([row("grad", 0.9, predictions=tmp_path / "p.parquet")])])
    assert "cannot be read" in rows_of(page)[0]["scatter"]["why"]


def test_points_are_kept_for_a_declared_number_of_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(html, "SCATTERS", 3)
    predictions(tmp_path / "p.parquet")
    boards = [board([row("grad", 0.9, i, predictions=tmp_path / "p.parquet") for i in range(size)],
                    f"set{size}") for size in (1, 4)]
    page = html.render(boards)
    assert ["why" in found["scatter"] for found in rows_of(page, 0)] == [False]
    assert ["why" in found["scatter"] for found in rows_of(page, 1)] == [False, False, True, True]


def test_what_is_drawn_is_kept_by_the_contents_of_the_predictions(
    tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    monkeypatch.setattr(scatter, "_draw", lambda job, draw=scatter._draw: (
        made.append(job), draw(job))[1])
    file = tmp_path / "p.parquet"
    predictions(file)
    boards = [board([row("grad", 0.9, predictions=file)])]
    first = html.render(boards)
    assert html.render(boards) == first
    assert len(made) == len(list((store / "scatters").iterdir())) == 1
    predictions(file, images=30)
    assert html.render(boards) != first
    assert len(made) == 2


def test_processes_make_the_same_page(
    tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boards = samples(tmp_path)
    alone = html.render(boards)
    shutil.rmtree(store)
    monkeypatch.setattr(scatter, "MANY", 0)
    assert html.render(boards, 2) == alone


def test_backbones_with_parameters_have_short_labels() -> None:
    page = html.render([board([row("grad", 0.9, i, backbone=name) for i, name in enumerate(
        ["vae", "vae[beta=2]", "resnet[weights=a.pth]*"])])])
    assert data_of(page)["labels"] == {
        "vae": "vae (1)", "vae[beta=2]": "vae (2)", "resnet[weights=a.pth]*": "resnet*"}


def test_reasons_stand_in_the_rows_and_not_in_the_notes_too() -> None:
    failed = row("latent", None)
    notes = ["No intervals.", f"latent · resnet20: failed: {failed.reason}"]
    page = html.render([board([failed], notes=notes)])
    assert data_of(page)["boards"][0]["notes"] == ["No intervals."]


def test_a_thousand_rows_with_points_weigh_less_than_five_megabytes(tmp_path: Path) -> None:
    predictions(tmp_path / "p.parquet", images=scatter.POINTS)
    boards = many(1000)
    shared = scatter.Points(boards[0].score_kind)
    one = shared.of(tmp_path / "p.parquet")
    page = html.render(boards)
    points = len(json.dumps(one)) * 1000 + len(json.dumps(shared.data())) * len(boards)
    assert len(page.encode()) + points < 5e6


def unpacked(found: list[Any]) -> Any:
    low, high, text = found
    return low + (high - low) * np.frombuffer(base64.b64decode(text), "<u2") / scatter.LEVELS


def test_packing_keeps_a_constant() -> None:
    assert list(unpacked(scatter.pack([0.25, 0.25]))) == [0.25, 0.25]


def test_parquet_of_the_fixture_is_what_runs_write(tmp_path: Path) -> None:
    predictions(tmp_path / "p.parquet")
    assert list(pd.read_parquet(tmp_path / "p.parquet")) == [
        "image", "split", "group", "target", "prediction"]
