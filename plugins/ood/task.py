"""The task ``ood``: its protocols, test sets and scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from benchbench_plugins.ood.detectors import by_class, mahalanobis, nearest, scaled, virtual_logit
from benchbench_plugins.ood.discriminator import Sides, train
from benchbench_plugins.ood.rows import (
    Rows,
    arrange,
    balanced,
    check_conditions,
    class_names,
)

from benchbench import DatasetFacts, Features, Outcome, Score, Task, UsageError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

HIGHER_IS_WORSE = ("fpr95_ood_positive", "fpr95_id_positive")
CURVES = ("auroc", "aupr_in", "aupr_out", *HIGHER_IS_WORSE, "detection_accuracy")
SHIFTS = ("near", "far")
OF_SHIFTS = tuple(f"{metric} {shift}" for shift in SHIFTS for metric in CURVES[::3])
"""AUROC and the share of in-distribution images flagged (OpenOOD), over near and over far sets."""


class OutOfDistribution(Task):
    """How well outliers are told from in-distribution images, over balanced test sets.

    ``mode=one-class``: nothing is known of outliers. A score is taken as it is; of a vector,
    ``detector`` makes one: the ``mahalanobis`` distance, or the distance to the ``k``-th neighbour
    (``knn``); of a classifier's ``head``, ViM makes one. ``by=label``: the Mahalanobis distance
    from the nearest class. An image is flagged beyond what accepts 95 % of the validation images.

    ``mode=outlier-exposure``: the protocol of Kwon et al. 2019. A discriminator d-40-20-1 learns
    in-distribution training images against outliers of the one type ``exposed`` at ``level``, and
    is tested on every other type and level, ``runs`` times from other initial weights.
    ``labels=shuffled`` is the control that learns permuted labels.

    ``test`` names the types to test, joined by ``+``; each has its accuracy as a column. ``scale``
    treats features before they are used: as they are (the paper), ``standard`` or ``unit``.
    ``shift=near-far``, which a table with the column ``shift`` gets by itself in ``one-class``,
    adds the means over its near and over its far sets.

    Training, validation and test rows are those of the dataset's ``split``; where none says
    ``val``, about every fifth training group takes its place.
    """

    name = "ood"
    version = "2"
    summary = "out-of-distribution detection: outlier exposure, or one class alone"
    takes: tuple[str, ...] = ("vector", "score", "head")

    def __init__(
        self, *, mode: Literal["one-class", "outlier-exposure"] = "one-class",
        exposed: str | None = None, level: int = 1, test: str = "all",
        detector: Literal["mahalanobis", "knn"] = "mahalanobis", k: int = 10,
        scale: Literal["none", "standard", "unit"] = "none", by: Literal["all", "label"] = "all",
        runs: int = 3, epochs: int = 200, patience: int = 50,
        labels: Literal["given", "shuffled"] = "given",
        shift: Literal["none", "near-far"] = "none",
    ) -> None:
        exposure = mode == "outlier-exposure"
        if exposure != (exposed is not None):
            raise UsageError(
                "ood: exposed= and mode=outlier-exposure belong together; name the type that the "
                "discriminator may see, such as ood[mode=outlier-exposure,exposed=gaussian-blur]"
            )
        self.kinds = [] if test == "all" else [kind.strip() for kind in test.split("+")]
        if exposed in self.kinds:
            raise UsageError(f"ood[exposed={exposed},test={test}]: {exposed!r} is trained on and "
                             "cannot be tested; take it out of test")
        if by == "label" and (exposure or detector != "mahalanobis"):
            raise UsageError("ood[by=label]: it is of detector=mahalanobis and mode=one-class")
        if min(k, runs, epochs, patience) < 1:
            raise UsageError("ood: k, runs, epochs and patience have to be at least 1")
        self.mode, self.exposed, self.level, self.labels = mode, exposed, level, labels
        self.detector, self.k, self.scale, self.by, self.shift = detector, k, scale, by, shift
        self.runs, self.epochs, self.patience = runs, epochs, patience
        each = [f"accuracy {kind}" for kind in self.kinds]
        if exposure:
            self.takes = ("vector",)
            self.metrics = ("accuracy", *each, *CURVES)
        else:
            self.metrics = (*CURVES, "accuracy", *each)
        if shift == "near-far":
            self.metrics = (self.metrics[0], *OF_SHIFTS, *self.metrics[1:])

    @property
    def needs(self) -> tuple[str, ...]:
        asked = {"distortion": self.mode == "outlier-exposure", "label": self.by == "label",
                 "shift": self.shift == "near-far"}
        typed = ("level",) if asked["distortion"] else ()
        return ("outlier", "split", *(name for name in asked if asked[name]), *typed)

    def expand(self, gives: str, dataset: DatasetFacts) -> Sequence[Mapping[str, Any]]:
        if dataset.conditions:
            check_conditions(self.exposed, self.level, self.kinds, dataset.conditions)
        if self.by == "label" and "label" not in dataset.columns:
            raise UsageError("ood[by=label]: the dataset has no labels; give one with a column "
                             "'label', or leave by=label out")
        if self.mode == "one-class" and "shift" in dataset.columns:
            return [{"mode": self.mode, "shift": "near-far"}]
        return [{"mode": self.mode}]

    def controls(self) -> Sequence[Mapping[str, Any]]:
        if self.mode == "one-class":
            return []
        return [{"mode": self.mode, "labels": "shuffled"}]

    def evaluate(self, features: Features, table: pd.DataFrame, seed: int) -> Outcome:
        import numpy as np

        rows = self._arranged(table, seed)
        values = np.asarray(features.rows, np.float64).reshape(len(table), -1)
        if self.mode == "outlier-exposure":
            scores = self._exposed(values, rows, seed)
        else:
            scores = self._one_class(features, values, rows, table)
        predictions = self._sheet(table, rows).assign(prediction=scores[:, rows.tested].ravel())
        found = _scored(predictions, seed)
        scored = self.score(predictions, seed)
        details = {
            "conditions": [
                {"distortion": c.kind, "level": c.level, "n": len(c.rows), **metrics}
                for c, metrics in zip(rows.conditions, found.conditions, strict=True)
            ],
            "runs": found.runs, "trained_on": rows.trained_on,
            "n_train": len(rows.train), "n_validation": len(rows.validation),
        }
        return Outcome(scored, predictions, rows.notes, details,
                       n_tested=len(rows.tested))

    def tested(self, table: pd.DataFrame, seed: int) -> pd.DataFrame:
        """With ``distortion`` and ``level``; ``split`` is the run."""
        return self._sheet(table, self._arranged(table, seed))

    def score(self, predictions: pd.DataFrame, seed: int) -> dict[str, Score]:
        """``prediction`` is high for outliers; from 0 on an image is flagged."""
        scores = _by_name(_scored(predictions, seed))
        if self.shift == "near-far":
            scores |= _by_shift(predictions, seed)
        return scores

    def _arranged(self, table: pd.DataFrame, seed: int) -> Rows:
        rows = arrange(table, self.exposed, self.level, self.kinds, seed)
        if self.by == "label":
            class_names(table, rows.inside(rows.train))
        return rows

    def _sheet(self, table: pd.DataFrame, rows: Rows) -> pd.DataFrame:
        """One row a tested image and run."""
        import pandas as pd

        outlier = rows.outlier[rows.tested]
        one = pd.DataFrame({
            "image": table["image"].to_numpy()[rows.tested], "split": 0,
            "group": table["group"].to_numpy()[rows.tested], "target": outlier.astype(float),
            "distortion": rows.types[rows.tested], "level": rows.levels[rows.tested],
        })
        if self.shift == "near-far":
            one["shift"] = table["shift"].to_numpy()[rows.tested]
        runs = self.runs if self.mode == "outlier-exposure" else 1
        return pd.concat([one.assign(split=run) for run in range(runs)], ignore_index=True)

    def _exposed(self, values: np.ndarray, rows: Rows, seed: int) -> np.ndarray:
        """Outlier scores ``[runs, n]`` of discriminators: from 0 on, the probability of being in
        distribution is at most ½."""
        import numpy as np

        values = scaled(values, values[rows.inside(rows.train)], self.scale)
        scores = np.empty((self.runs, len(values)))
        for run in range(self.runs):
            flags = rows.outlier
            if self.labels == "shuffled":
                known = np.concatenate([rows.train, rows.validation])
                flags = flags.copy()
                flags[known] = np.random.default_rng([seed, run]).permutation(flags[known])
            fit, choose = (
                Sides(values[part[~flags[part]]], values[part[flags[part]]])
                for part in (rows.train, rows.validation)
            )
            scores[run] = train(fit, choose, values, epochs=self.epochs, patience=self.patience,
                                seed=1000 * seed + run)
        return scores

    def _one_class(
        self, features: Features, values: np.ndarray, rows: Rows, table: pd.DataFrame
    ) -> np.ndarray:
        """Outlier scores ``[1, n]``, less the one that accepts 95 % of validation images."""
        from benchbench import accepting

        fit, held = rows.inside(rows.train), rows.inside(rows.validation)
        if features.gives == "score":
            scores = -values[:, 0] if features.higher_is_better else values[:, 0]
        elif features.gives == "head":
            scores = virtual_logit(values[fit], values)
        else:
            used = scaled(values, values[fit], self.scale)
            if self.by == "label":
                scores = by_class(used[fit], used, class_names(table, fit))
            elif self.detector == "mahalanobis":
                scores = mahalanobis(used[fit], used)
            else:
                scores = nearest(used[fit], used, self.k)
        return (scores - accepting(scores[held]).value)[None]


def _scored(predictions: pd.DataFrame, seed: int, shift: str | None = None) -> Any:
    """The ``ConditionScores`` of predictions, whose rows come in the same order in every run; with
    ``shift``, of its outliers alone."""
    import numpy as np

    from benchbench import Threshold, score_conditions

    runs = predictions["split"].nunique()
    one = predictions.iloc[:len(predictions) // runs]
    outlier = one["target"].to_numpy() == 1
    asked = ~outlier | (one["shift"] == shift).to_numpy() if shift else np.ones(len(one), bool)
    conditions = balanced(one["image"].to_numpy(str), np.flatnonzero(asked), outlier,
                          one["distortion"].to_numpy(str), one["level"].to_numpy(str), seed)
    return score_conditions(
        predictions["prediction"].to_numpy().reshape(runs, -1), outlier,
        one["group"].to_numpy(str), conditions, thresholds=[Threshold(0.0, "0")] * runs, seed=seed)


def _by_name(found: Any) -> dict[str, Score]:
    estimates = {**found.overall,
                 **{f"accuracy {kind}": found.kinds[kind] for kind in found.kinds}}
    return {name: Score(e.value, name not in HIGHER_IS_WORSE, e.ci95, e.reliable, e.note)
            for name, e in estimates.items()}


def _by_shift(predictions: pd.DataFrame, seed: int) -> dict[str, Score]:
    """``OF_SHIFTS``: unweighted means over sets, as in OpenOOD."""
    scores = {}
    for shift in SHIFTS:
        there = bool((predictions["shift"] == shift).any())
        found = _by_name(_scored(predictions, seed, shift)) if there else {}
        for metric in CURVES[::3]:
            nothing = Score(None, metric not in HIGHER_IS_WORSE, note=f"no set is {shift}")
            scores[f"{metric} {shift}"] = found.get(metric, nothing)
    return scores
