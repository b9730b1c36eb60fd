"""The dataset ``distorted``: any dataset's clean images, in every type and level asked for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from benchbench import Dataset, ImageFacts, UsageError, dataset

from .catalogue import LEVELS, Distortion, find

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_KEPT = ("label", "split", "group")


class Distorted(Dataset):
    """``distorted[source=DATASET,with=gaussian-blur+jpeg,levels=1-5]``.

    ``with`` lists types; ``gaussian-blur>jpeg`` is one type made of two in a row, both at the
    same level. ``levels`` is ``1-5`` or ``1+3+5``. Where the source holds references, they are
    what is distorted. ``clean`` adds the clean images as rows, and a column ``outlier`` that is
    true for the distorted ones. Ids are ``<source image>/<type>/<level>``. Equal seeds give equal
    pixels: noise depends on the image's id, type, level and seed. ``stretch`` scales each result
    to the range of values it had before, as KADID-10k's generator does.
    """

    name = "distorted"
    version = "1"
    summary = "any clean images, distorted on demand: type by type and level by level"

    def __init__(
        self,
        source: str,
        with_: str,
        levels: str = "1-5",
        seed: int = 0,
        clean: bool = False,
        stretch: bool = False,
    ) -> None:
        self._source = dataset(source)
        self._types = {name: _chain(name, stretch) for name in _list(with_)}
        # Missing photographs of frost are said now, not in the middle of a sweep.
        self._material = {
            name: [digest for step in chain for digest in step.digests()]
            for name, chain in self._types.items()
        }
        self._levels = _levels(levels)
        self._seed = seed
        self._clean = clean
        self._stretch = stretch
        self._recent: tuple[str, np.ndarray] | None = None
        self.size = self._source.size
        self.share_labels = self._source.share_labels
        self.notes = (*self._source.notes, "images distorted by benchbench, not by their makers")

    def table(self) -> pd.DataFrame:
        import pandas as pd

        rows = []
        for row in self._clean_rows():
            if self._clean:
                rows.append({**row, "reference": row["image"], "distortion": "none", "level": 0})
            for distortion in self._types:
                for level in self._levels:
                    image = f"{row['image']}/{distortion}/{level}"
                    rows.append(
                        {
                            **row,
                            "image": image,
                            "reference": row["image"],
                            "distortion": distortion,
                            "level": level,
                        }
                    )
        table = pd.DataFrame(rows)
        if self._clean:
            table["outlier"] = table["level"] > 0
        return table

    def path(self, image: str) -> Path | None:
        return None if self._parts(image) else self._source.path(image)

    def load(self, image: str) -> np.ndarray:
        parts = self._parts(image)
        if parts is None:
            return self._source.load(image)
        from .apply import distort, generator

        source, distortion, level = parts
        pixels = self._load_source(source)
        rng = generator(source, distortion, level, self._seed)
        for step in self._types[distortion]:
            pixels = distort(pixels, step, level, rng, self._stretch)
        return pixels

    def inspect(self, images: Sequence[str]) -> list[ImageFacts]:
        """Digests of the recipes: nothing has to be made."""
        parts = [self._parts(image) for image in images]
        needed = list(
            dict.fromkeys(p[0] if p else i for p, i in zip(parts, images, strict=True))
        )
        known = dict(zip(needed, self._source.inspect(needed), strict=True))
        return [
            self._recipe(known[p[0]], *p) if p else known[image]
            for p, image in zip(parts, images, strict=True)
        ]

    def sources(self) -> list[Path]:
        return self._source.sources()

    def _clean_rows(self) -> list[dict[str, object]]:
        table = self._source.table()
        column = "reference" if "reference" in table else "image"
        table = table[table[column].notna()].drop_duplicates(column)
        kept = [name for name in _KEPT if name in table]
        rows = table[[column, *kept]].rename(columns={column: "image"}).to_dict("records")
        return [{**row, "group": row.get("group", row["image"])} for row in rows]

    def _parts(self, image: str) -> tuple[str, str, int] | None:
        """Source image, type and level; None for a clean image."""
        source, _, rest = image.rpartition("/")
        source, _, distortion = source.rpartition("/")
        if source and distortion in self._types and rest.isdecimal() and int(rest) in LEVELS:
            return source, distortion, int(rest)
        return None

    def _load_source(self, source: str) -> np.ndarray:
        """Sweeps ask for an image's versions one after the other: its pixels are kept."""
        if self._recent is None or self._recent[0] != source:
            self._recent = source, self._source.load(source)
        return self._recent[1]

    def _recipe(self, source: ImageFacts, image: str, distortion: str, level: int) -> ImageFacts:
        amounts = [step.amounts[level - 1] for step in self._types[distortion]]
        settings = [self._seed, self._stretch, *self._material[distortion]]
        recipe = [source.digest, image, distortion, amounts, level, settings, _code()]
        digest = hashlib.sha256(json.dumps(recipe).encode()).hexdigest()
        return ImageFacts(digest, source.height, source.width)


@cache
def _code() -> str:
    """SHA-256 of the files of this folder: other code, other pixels."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.name.encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _list(text: str) -> list[str]:
    names = [name.strip() for name in text.split("+")]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"with={text}: {twice[0]!r} is named twice; name each type once")
    return names


def _chain(name: str, stretch: bool) -> list[Distortion]:
    chain = [find(step.strip()) for step in name.split(">")]
    foreign = [step.name for step in chain if step.number is None]
    if stretch and foreign:
        raise UsageError(f"with={name}: stretch=true is for KADID-10k's types; leave it out")
    return chain


def _levels(text: str) -> list[int]:
    levels: set[int] = set()
    for part in text.split("+"):
        first, dash, last = part.strip().partition("-")
        last = last if dash else first
        if not (first.isdecimal() and last.isdecimal()):
            raise UsageError(f"levels={text}: expected 1-5 or 1+3+5")
        levels.update(range(int(first), int(last) + 1))
    if not levels or not levels <= set(LEVELS):
        raise UsageError(f"levels={text}: levels go from {LEVELS[0]} to {LEVELS[-1]}")
    return sorted(levels)
