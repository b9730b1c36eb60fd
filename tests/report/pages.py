"""Boards made up for the tests of the page: known numbers, hostile names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from benchbench.report.board import Board, Estimate, Row

HOSTILE = "</script><script>window.pwned = 1</script><img src=x onerror='window.pwned = 2'>"
IMAGES = 60


def row(extractor: str, value: float | None, place: int = 0, **changes: object) -> Row:
    """A row with an interval around its value; without one it is a failed row."""
    scores = {} if value is None else {
        "srocc": Estimate(value, value - 0.05, value + 0.05),
        "rmse": Estimate(10 - 8 * value, higher_is_better=False)}
    given: dict[str, object] = {
        "cell": f"{place:016x}", "extractor": extractor, "backbone": "resnet20", "seed": 0,
        "control": False, "status": "ok" if value is not None else "failed",
        "reason": None if value is not None else "feature 3 is not finite", "scores": scores,
        "n": IMAGES, "n_scored": IMAGES if value is not None else 0, "images_per_s": 10.0 + place,
        "peak_memory_mb": 800.0, "width": 64, "parameters": 272474, "trust": "self-reported",
        "date": "2026-01-02", "record": f"results/iqa/{place:016x}.json",
        "command": f"benchbench run --features {extractor}"}
    return Row(**(given | changes))  # type: ignore[arg-type]


def board(rows: list[Row], dataset: str = "live", **changes: object) -> Board:
    given: dict[str, object] = {
        "slug": f"iqa-{dataset}", "task": "iqa", "dataset": dataset, "mode": "no-reference",
        "version": "1", "groups": 25, "score_kind": "mos", "metrics": ("srocc", "rmse"),
        "about": ["60 images, 25 groups, scores: mos"], "rows": rows}
    return Board(**(given | changes))  # type: ignore[arg-type]


def predictions(path: Path, images: int = IMAGES) -> pd.DataFrame:
    """Two splits of all images on a known line with noise; the file is written."""
    random = np.random.default_rng(3)
    target = np.linspace(10, 90, images)
    frame = pd.concat([pd.DataFrame({
        "image": [f"photo{i:04d}.bmp" for i in range(images)], "split": split, "group": "g",
        "target": target, "prediction": target / 100 + random.normal(0, 0.05, images)})
        for split in (0, 1)], ignore_index=True)
    frame.to_parquet(path)
    return frame


def samples(folder: Path) -> list[Board]:
    """Three boards of everything: ties, a control, a failed row, a published one, hostile names."""
    predictions(folder / "known.parquet")
    known = folder / "known.parquet"
    first = board([
        row("grad[layer=layer4]", 0.9, 1, letters="a", rank=(1, 2), predictions=known,
            trust="recomputed from predictions"),
        row("activation", 0.85, 2, letters="ab", rank=(1, 3), predictions=known),
        row("latent", 0.5, 3, letters="b", rank=(2, 3), backbone="vae"),
        row("random", 0.05, 4, letters="c", rank=(4, 4), control=True, backbone="none"),
        row("reconstruction", None, 5),
        row("BRISQUE", 0.57, cell=None, published=True, source="Mittal 2012", backbone="",
            record="", command="", trust="", date=""),
    ], command="benchbench run --task iqa --dataset live")
    second = board([
        row("grad[layer=layer4]", 0.7, 11),
        row(HOSTILE, 0.6, 12, backbone=HOSTILE, trust=HOSTILE, record="javascript:window.pwned=3",
            command=HOSTILE, status="failed", reason=HOSTILE),
        row("random", 0.75, 13, control=True, backbone="none"),
    ], "tid2013", notes=[HOSTILE], about=[HOSTILE], groups=7)
    # A letter may carry a number: these two share none.
    third = board([row("grad", 0.8, 21, letters="b1", rank=(1, 1)),
                   row("latent", 0.6, 22, letters="b2", rank=(2, 2))],
                  "csiq", mode="full-reference")
    return [first, second, third]


def many(count: int) -> list[Board]:
    """``count`` rows on ten boards."""
    boards = []
    for number in range(10):
        rows = [row(f"family{i % 40}[layer=layer{i}]", 0.95 - 0.9 * i / count, number * count + i,
                    backbone=f"backbone{i % 25}") for i in range(count // 10)]
        boards.append(board(rows, f"dataset{number}"))
    return boards
