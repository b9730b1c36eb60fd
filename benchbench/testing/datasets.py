"""The conformance suite of datasets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from benchbench.interfaces import Dataset
from benchbench.tables import image_ids, load_table
from benchbench.testing.checks import Check, Failed, Skipped, Warned, run_suite
from benchbench.testing.subjects import (
    Subject,
    check_declaration,
    check_light_import,
    check_parameters,
    find_subject,
)

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("image", "reference", "score", "score_std", "distortion", "level", "label", "outlier",
           "split", "group", "source", "shift")
TEXT = ("image", "reference", "distortion", "split", "group")
SAMPLE = 6


def check_dataset(
    dataset: str | type[Dataset] | Dataset, *,
    expected_failures: Mapping[str, str] | None = None,
) -> Iterator[Check]:
    """Check a dataset's table, and a sample of its images against what it says of them.

    ``dataset`` is a name with parameters, the path of a card, a class or an instance.
    ``expected_failures`` as in ``check_extractor``.
    """
    subject = find_subject("dataset", dataset)
    suite = _Suite(subject)
    yield from run_suite(f"dataset {subject.label}", suite.tests(),
                         subject.expected(expected_failures))


class _Suite:
    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.dataset: Dataset = subject.make()

    def tests(self) -> dict[str, Callable[[], str]]:
        return {
            "declaration": self.declaration,
            "parameters": lambda: check_parameters(self.subject),
            "light_import": lambda: check_light_import(self.subject),
            "table": self.check_table,
            "columns": self.columns,
            "scores": self.scores,
            "groups": self.groups,
            "repeatable": self.repeatable,
            "sources": self.sources,
            "images": self.images,
            "inspect": self.inspect,
            **({"members": self.members} if self.dataset.members() else {}),
        }

    @cached_property
    def table(self) -> pd.DataFrame:
        return load_table(self.dataset)

    @cached_property
    def sample(self) -> list[str]:
        """Images spread over all that features are wanted of, references among them."""
        ids = image_ids(self.table)
        places = np.unique(np.linspace(0, len(ids) - 1, SAMPLE).round().astype(int))
        return [ids[place] for place in places]

    def declaration(self) -> str:
        if self.dataset.size not in ("native", "model"):
            raise Failed(f"size is {self.dataset.size!r}, expected native or model")
        return f"{check_declaration(self.subject)}, size {self.dataset.size}"

    def check_table(self) -> str:
        """Rows, unique ids, finite scores: what every command asks of a table."""
        official = self.dataset.n_official
        of = f" of {official} official ones" if official is not None else ""
        return f"{len(self.table)} rows{of}"

    def columns(self) -> str:
        """Ids and names are text; columns that no task knows may be misspelt."""
        for column in TEXT:
            if column not in self.table:
                continue
            wrong = [value for value in self.table[column] if not isinstance(value, str)]
            if wrong:
                raise Failed(f"column {column!r} holds {wrong[0]!r}, expected text in every row")
        unknown = [str(column) for column in self.table if column not in COLUMNS]
        if unknown:
            raise Warned(f"column {unknown[0]!r} means nothing to benchbench, which knows "
                         f"{', '.join(COLUMNS)}")
        return ", ".join(map(str, self.table.columns))

    def scores(self) -> str:
        """What the scores are is said where there are scores."""
        kind, std = self.dataset.score_kind, self.dataset.std_kind
        if "score" not in self.table:
            if kind is not None:
                raise Failed(f"score_kind is {kind!r}, but the table has no column 'score'")
            raise Skipped("no scores")
        if kind not in ("mos", "dmos", "expected-mos"):
            raise Failed(f"score_kind is {kind!r}, expected mos, dmos or expected-mos")
        if "score_std" in self.table and std not in ("ratings", "mean"):
            raise Failed(f"std_kind is {std!r}; say whether score_std is of the 'ratings' or of "
                         "their 'mean'")
        if self.table["score"].nunique() < 2:
            raise Failed("all scores are equal; nothing can be ranked")
        better = "higher" if self.dataset.higher_is_better else "lower"
        return f"{kind}, {better} is better"

    def groups(self) -> str:
        """All versions of one reference are in one group, so that no split divides a content."""
        if "reference" in self.table:
            several = self.table.groupby("reference")["group"].nunique()
            split = several[several > 1]
            if len(split):
                raise Failed(f"the versions of {split.index[0]!r} are in {split.iloc[0]} groups; "
                             "a split would train and test on one content")
        return f"{self.table['group'].nunique()} groups"

    def repeatable(self) -> str:
        """The same table again, from this instance and from a fresh one."""
        for other in (self.dataset, self.subject.make()):
            if not load_table(other).equals(self.table):
                raise Failed("table() gives another table when it is called again")
        return f"{self.table.size} values"

    def sources(self) -> str:
        """Files that are named exist."""
        paths = [*self.dataset.sources(),
                 *(p for image in self.sample if (p := self.dataset.path(image)) is not None)]
        missing = [path for path in paths if not path.exists()]
        if missing:
            raise Failed(f"{missing[0]} does not exist")
        return f"{len(paths)} files" if paths else "made in memory"

    def images(self) -> str:
        """uint8 RGB, the same each time."""
        fresh: Dataset = self.subject.make()
        for image in self.sample:
            array = self.dataset.load(image)
            if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
                raise Failed(f"load({image!r}) gives {array.dtype} {array.shape}, expected uint8 "
                             "[height, width, 3]")
            if not np.array_equal(array, fresh.load(image)):
                raise Failed(f"load({image!r}) gives another image when it is called again")
        return f"{len(self.sample)} images"

    def inspect(self) -> str:
        """Sizes and digests are those of the images."""
        found = dict(zip(self.sample, self.dataset.inspect(self.sample), strict=True))
        again = self.subject.make().inspect(self.sample)
        if list(found.values()) != list(again):
            raise Failed("inspect gives something else when it is called again")
        by_digest: dict[str, str] = {}
        for image, facts in found.items():
            array = self.dataset.load(image)
            if array.shape[:2] != (facts.height, facts.width):
                raise Failed(f"inspect says that {image!r} is {facts.height} x {facts.width}, "
                             f"load gives {array.shape[0]} x {array.shape[1]}")
            twin = by_digest.setdefault(facts.digest, image)
            if not np.array_equal(array, self.dataset.load(twin)):
                raise Failed(f"{twin!r} and {image!r} have the same digest and other pixels")
        return f"{len(by_digest)} different images of {len(self.sample)}"

    def members(self) -> str:
        """Each image is one of a member's, with the pixels, reference and label that it has
        there."""
        tables = {name: load_table(find_subject("dataset", name).make()).set_index("image")
                  for name in self.dataset.members()}
        for image, row in self.table.set_index("image").iterrows():
            name = next((n for n in tables if str(image).startswith(f"{n}:")), None)
            own = str(image).removeprefix(f"{name}:")
            if name is None or own not in tables[name].index:
                raise Failed(f"image {image!r} is not <member>:<id there> of {', '.join(tables)}")
            there = tables[name].loc[own]
            for column, expected in (("reference", f"{name}:{there.get('reference')}"),
                                     ("label", there.get("label"))):
                if column in there and row.get(column) != expected:
                    raise Failed(f"{column} of {image!r} is {row.get(column)!r}, in {name} it is "
                                 f"{there[column]!r}; features would be shared wrongly")
        for image in self.sample:
            name = next(n for n in tables if image.startswith(f"{n}:"))
            other: Dataset = find_subject("dataset", name).make()
            if not np.array_equal(self.dataset.load(image), other.load(image[len(name) + 1:])):
                raise Failed(f"load({image!r}) gives another image than {name}")
        return f"{len(tables)} datasets"
