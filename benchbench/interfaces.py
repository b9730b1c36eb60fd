"""The contracts: Dataset, Backbone, Extractor, Task. Plugins subclass these and nothing else.

A component's parameters are the keyword arguments of its ``__init__``, with annotations and
defaults: ``name[key=value]`` is checked against them, and all of them are part of a cell's
identity. A parameter annotated ``Path`` enters the identity by the content of the file.
Nothing heavy is imported here; components import torch or pandas inside their methods.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from benchbench.facts import BackboneFacts, DatasetFacts
from benchbench.probes import Probe

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import torch


@dataclass(frozen=True, slots=True)
class Component:
    """A lazily loaded component: ``target`` is ``"package.module:Class"``."""

    name: str
    target: str
    summary: str = ""


class Part:
    """What all four kinds share: a name, a version that goes up when results change, a summary."""

    name: ClassVar[str] = ""
    version: ClassVar[str] = "1"
    summary: ClassVar[str] = ""
    expected_failures: ClassVar[Mapping[str, str]] = {}
    """Conformance checks that are known to fail, with the reason."""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """Digest of an image's content (or of the recipe that makes it) and its size in pixels."""

    digest: str
    height: int
    width: int


class Dataset(Part):
    """Images and what is known of them.

    ``size`` is the preprocessing size the images want: ``native`` for quality sets (resampling
    destroys the evidence), ``model`` for recognition sets.
    """

    score_kind: str | None = None
    higher_is_better: bool = True
    std_kind: str | None = None
    n_official: int | None = None
    size: str = "native"
    notes: tuple[str, ...] = ()
    share_labels: bool = True
    """False where the labels may not be passed on: accepted predictions then go without them."""

    def table(self) -> pd.DataFrame:
        """One row an image: ``image`` (a unique id) and what there is of ``reference`` (an id that
        ``load`` understands), ``score``, ``score_std``, ``distortion``, ``level``, ``label``,
        ``outlier``, ``split``, ``group`` (the content shown: splits never divide a group)."""
        raise TypeError(f"dataset {self.name!r} has to define table()")

    def path(self, image: str) -> Path | None:
        """The file that holds the image, or None where it is made in memory."""
        return None

    def load(self, image: str) -> np.ndarray:
        """The image as uint8 ``[height, width, 3]``, RGB."""
        from benchbench.images import read_image

        path = self.path(image)
        if path is None:
            raise TypeError(f"dataset {self.name!r} has to define path() or load()")
        return read_image(path)

    def inspect(self, images: Sequence[str]) -> list[ImageFacts]:
        """Digest and size of each image; files are read once and remembered until they change."""
        from benchbench.images import inspect_dataset

        return inspect_dataset(self, images)

    def sources(self) -> list[Path]:
        """Files and folders that the table is read from: when one changes, it is read anew."""
        return []

    def members(self) -> Sequence[str]:
        """The names of the datasets that this one joins, so that features are shared with them.

        An id here is ``<member>:<id there>``, and an image's pixels, reference and label are those
        it has there. Every row and reference is one of a member's.
        """
        return ()


class WrappedDataset(Dataset):
    """Another dataset's images under its own ids; what is left to define is the table.

    ``whole`` is the dataset behind it. Its facts (score kind, direction, size, notes) are taken
    over where the class leaves them at their defaults.
    """

    def __init__(self, whole: Dataset) -> None:
        self.whole = whole
        for fact in ("score_kind", "higher_is_better", "std_kind", "size", "notes",
                     "share_labels"):
            if getattr(type(self), fact) == getattr(Dataset, fact):
                setattr(self, fact, getattr(whole, fact))

    def path(self, image: str) -> Path | None:
        return self.whole.path(image)

    def load(self, image: str) -> np.ndarray:
        return self.whole.load(image)

    def inspect(self, images: Sequence[str]) -> list[ImageFacts]:
        return self.whole.inspect(images)

    def sources(self) -> list[Path]:
        return self.whole.sources()


class Backbone(Part):
    """A frozen model with its preprocessing.

    ``gives`` names what an image yields: ``logits``, ``activations``, ``latent``,
    ``reconstruction``, ``map``. ``losses`` are the per-image losses; empty means those that follow
    from ``gives``: the classifier losses for logits, ``reconstruction`` for a reconstruction.
    """

    gives: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()
    preprocessing: Mapping[str, Any] = {}
    """``size`` (pixels of the model's own input), ``resize``, ``mean``, ``std``,
    ``interpolation``; what is left out is taken from ``Preprocessing``'s defaults."""
    fitted_on: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    least_side: int = 1
    """The smallest side, in pixels, of an image that ``prepare`` can take."""

    def build(self) -> torch.nn.Module:
        """The model with its weights, on the CPU, in eval mode."""
        raise TypeError(f"backbone {self.name!r} has to define build()")

    def recipe(self) -> Mapping[str, Any] | None:
        """Everything the weights follow from, where they are fitted here; None where loaded."""
        return None

    def picture(self, model: torch.nn.Module) -> np.ndarray | None:
        """What the weights look like, uint8 ``[height, width, 3]``; None where there is nothing to
        see."""
        return None

    def prepare(self, images: torch.Tensor, mean: torch.Tensor, std: torch.Tensor) -> torch.Tensor:
        """uint8 ``[images, 3, height, width]`` → what ``forward`` takes; by default normalised."""
        return (images.to(mean.dtype) / 255 - mean) / std

    def forward(self, model: torch.nn.Module, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        """One forward pass: named outputs, each ``[images, …]``."""
        return {"logits": model(inputs)}

    def loss(
        self,
        name: str,
        outputs: Mapping[str, torch.Tensor],
        inputs: torch.Tensor,
        labels: torch.Tensor | None,
    ) -> torch.Tensor:
        """The named loss of each image, ``[images]``, a function of that image alone."""
        from benchbench.losses import per_image_loss

        return per_image_loss(name, outputs, inputs, labels)


class Extractor(Part):
    """Turns a backbone's reaction into features.

    ``gives`` is ``vector``, ``score`` (one quality score an image; set ``higher_is_better``),
    ``map``, or ``head``: what enters a classifier's last layer, from where it gives no logits, then
    the largest logit and the log-sum-exp, ``[width + 2]``. ``control`` marks a control row;
    ``needs_backbone = False`` one that looks at pixels alone. ``backbone`` is what it runs with
    where the user names none; ``least_side`` the smallest side in pixels of an image, at native
    size, that it can take.
    """

    gives: str = "vector"
    control: ClassVar[bool] = False
    needs_backbone: ClassVar[bool] = True
    backbone: ClassVar[str] = "unique"
    least_side: int = 1
    higher_is_better: bool = True

    def expand(self, facts: BackboneFacts) -> Sequence[Mapping[str, Any]]:
        """Parameters to change for each cell that one name stands for (``layer=all``)."""
        return [{}]

    def probes(self, facts: BackboneFacts) -> list[Probe]:
        """What is needed of each image, known before anything runs. ``UsageError`` where the
        backbone cannot give it, naming the nearest thing that works."""
        raise TypeError(f"extractor {self.name!r} has to define probes()")

    def shape(self, facts: BackboneFacts) -> tuple[int, ...]:
        """The shape of one image's features; ``()`` for a score."""
        raise TypeError(f"extractor {self.name!r} has to define shape()")

    def extract(self, signals: Mapping[Probe, Any]) -> torch.Tensor:
        """``[images, *shape]`` from finished tensors; row i depends on image i alone (and on its
        reference, where asked for)."""
        raise TypeError(f"extractor {self.name!r} has to define extract()")


@dataclass(frozen=True, slots=True)
class Score:
    """One number of a record: ``value`` is None, with a note, where it is undefined."""

    value: float | None
    higher_is_better: bool = True
    ci95: tuple[float, float] | None = None
    reliable: bool = True
    note: str | None = None
    mapping: str | None = None


@dataclass(frozen=True, slots=True)
class Features:
    """What a task evaluates, aligned with the table: ``rows`` ``[n, *shape]``, ``reference`` the
    same for each row's reference (None without references)."""

    rows: np.ndarray
    reference: np.ndarray | None = None
    gives: str = "vector"
    higher_is_better: bool = True


@dataclass(slots=True)
class Outcome:
    """What a task found: scores by name, per-image predictions, notes for the reader.

    ``n_tested`` is how many images the protocol tests (an official split has training rows that are
    never tested); None where it is every row. Unless so many have a finite prediction, the cell has
    failed.
    """

    scores: dict[str, Score]
    predictions: pd.DataFrame
    notes: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    n_tested: int | None = None


class Task(Part):
    """A question asked of features. ``metrics`` are shown in this order, the first is primary."""

    takes: tuple[str, ...] = ("vector",)
    metrics: tuple[str, ...] = ()

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns that the dataset's table must have."""
        return ()

    def expand(self, gives: str, dataset: DatasetFacts) -> Sequence[Mapping[str, Any]]:
        """Parameters to change for each cell that one name stands for (the modes)."""
        return [{}]

    def controls(self) -> Sequence[Mapping[str, Any]]:
        """Parameters that turn this task into a control of itself (shuffled labels)."""
        return []

    def evaluate(self, features: Features, table: pd.DataFrame, seed: int) -> Outcome:
        """Scores and predictions from features and table: on the CPU, quick, repeatable.

        ``table.attrs`` holds ``score_kind``, ``higher_is_better`` and ``std_kind`` of the dataset.
        ``predictions`` are the rows of ``tested()``, in its order, with the column ``prediction``;
        the scores are those of ``score()``.
        """
        raise TypeError(f"task {self.name!r} has to define evaluate()")

    def tested(self, table: pd.DataFrame, seed: int) -> pd.DataFrame:
        """What is asked: a row an image and split, with the columns ``image``, ``split``,
        ``group``, ``target`` and what else ``score()`` reads."""
        raise TypeError(f"task {self.name!r} has to define tested()")

    def score(self, predictions: pd.DataFrame, seed: int) -> dict[str, Score]:
        """Every score, from the rows of ``tested()`` with the column ``prediction`` alone, so that
        ``benchbench verify`` can compute it again."""
        raise TypeError(f"task {self.name!r} has to define score()")
