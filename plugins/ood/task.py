"""The task ``ood``: its protocols, test sets and scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from benchbench_plugins.ood.detectors import mahalanobis, nearest, scaled
from benchbench_plugins.ood.discriminator import Sides, train
from benchbench_plugins.ood.rows import Rows, arrange, check_conditions

from benchbench import DatasetFacts, Features, Outcome, Score, Task, UsageError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

HIGHER_IS_WORSE = ("fpr95_ood_positive", "fpr95_id_positive")
CURVES = ("auroc", "aupr_in", "aupr_out", *HIGHER_IS_WORSE, "detection_accuracy")


class OutOfDistribution(Task):
    """How well outliers are told from in-distribution images, over balanced test sets.

    ``mode=one-class``: nothing is known of outliers. A score is taken as it is; of a vector,
    ``detector`` makes one: the ``mahalanobis`` distance, or the distance to the ``k``-th neighbour
    (``knn``). An image is flagged beyond what accepts 95 % of the validation images.

    ``mode=outlier-exposure``: the protocol of Kwon et al. 2019. A discriminator d-40-20-1 learns
    in-distribution training images against outliers of the one type ``exposed`` at ``level``, and
    is tested on every other type and level, ``runs`` times from other initial weights.
    ``labels=shuffled`` is the control that learns permuted labels.

    ``test`` names the types to test, joined by ``+``; each has its accuracy as a column. ``scale``
    treats features before they are used: as they are (the paper), ``standard`` or ``unit``.

    Training, validation and test rows are those of the dataset's ``split``; where none says
    ``val``, about every fifth training group takes its place.
    """

    name = "ood"
    version = "1"
    summary = "out-of-distribution detection: outlier exposure, or one class alone"
    takes: tuple[str, ...] = ("vector", "score")

    def __init__(
        self, *, mode: Literal["one-class", "outlier-exposure"] = "one-class",
        exposed: str | None = None, level: int = 1, test: str = "all",
        detector: Literal["mahalanobis", "knn"] = "mahalanobis", k: int = 10,
        scale: Literal["none", "standard", "unit"] = "none", runs: int = 3, epochs: int = 200,
        patience: int = 50, labels: Literal["given", "shuffled"] = "given",
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
        if min(k, runs, epochs, patience) < 1:
            raise UsageError("ood: k, runs, epochs and patience have to be at least 1")
        self.mode, self.exposed, self.level, self.labels = mode, exposed, level, labels
        self.detector, self.k, self.scale = detector, k, scale
        self.runs, self.epochs, self.patience = runs, epochs, patience
        each = [f"accuracy {kind}" for kind in self.kinds]
        if exposure:
            self.takes = ("vector",)
            self.metrics = ("accuracy", *each, *CURVES)
        else:
            self.metrics = (*CURVES, "accuracy", *each)

    @property
    def needs(self) -> tuple[str, ...]:
        exposure = self.mode == "outlier-exposure"
        return ("outlier", "split", *(("distortion", "level") if exposure else ()))

    def expand(self, gives: str, dataset: DatasetFacts) -> Sequence[Mapping[str, Any]]:
        if dataset.conditions:
            check_conditions(self.exposed, self.level, self.kinds, dataset.conditions)
        return [{"mode": self.mode}]

    def controls(self) -> Sequence[Mapping[str, Any]]:
        if self.mode == "one-class":
            return []
        return [{"mode": self.mode, "labels": "shuffled"}]

    def evaluate(self, features: Features, table: pd.DataFrame, seed: int) -> Outcome:
        import numpy as np

        from benchbench import score_conditions

        rows = arrange(table, self.exposed, self.level, self.kinds, seed)
        values = np.asarray(features.rows, np.float64).reshape(len(table), -1)
        if self.mode == "outlier-exposure":
            scores, thresholds = self._exposed(values, rows, seed)
        else:
            scores, thresholds = self._one_class(features, values, rows)
        found = score_conditions(scores, rows.outlier, rows.groups, rows.conditions,
                                 thresholds=thresholds, seed=seed)
        estimates = {**found.overall,
                     **{f"accuracy {kind}": found.kinds[kind] for kind in found.kinds}}
        scored = {name: Score(e.value, name not in HIGHER_IS_WORSE, e.ci95, e.reliable, e.note)
                  for name, e in estimates.items()}
        details = {
            "conditions": [
                {"distortion": c.kind, "level": c.level, "n": len(c.rows), **metrics}
                for c, metrics in zip(rows.conditions, found.conditions, strict=True)
            ],
            "runs": found.runs, "trained_on": rows.trained_on,
            "n_train": len(rows.train), "n_validation": len(rows.validation),
        }
        return Outcome(scored, _predictions(table, rows, scores), rows.notes, details,
                       n_tested=len(rows.tested))

    def _exposed(
        self, values: np.ndarray, rows: Rows, seed: int
    ) -> tuple[np.ndarray, list[Any]]:
        """Outlier scores ``[runs, n]`` of discriminators, and where they flag."""
        import numpy as np

        from benchbench import Threshold

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
        return scores, [Threshold(0.0, "probability of being in distribution at most ½")
                        ] * self.runs

    def _one_class(
        self, features: Features, values: np.ndarray, rows: Rows
    ) -> tuple[np.ndarray, list[Any]]:
        """Outlier scores ``[1, n]`` and where an image is flagged."""
        from benchbench import accepting

        fit, held = rows.inside(rows.train), rows.inside(rows.validation)
        if features.gives == "score":
            scores = -values[:, 0] if features.higher_is_better else values[:, 0]
        else:
            used = scaled(values, values[fit], self.scale)
            scores = mahalanobis(used[fit], used) if self.detector == "mahalanobis" else (
                nearest(used[fit], used, self.k))
        at = replace(accepting(scores[held]), rule="accepts 95% of validation images")
        return scores[None], [at]


def _predictions(table: pd.DataFrame, rows: Rows, scores: np.ndarray) -> pd.DataFrame:
    """One row a tested image and run; ``prediction`` is high for outliers."""
    import pandas as pd

    some = table.iloc[rows.tested]
    parts = [
        pd.DataFrame({
            "image": some["image"].to_numpy(), "split": run, "group": some["group"].to_numpy(),
            "target": rows.outlier[rows.tested].astype(float), "prediction": found[rows.tested],
        })
        for run, found in enumerate(scores)
    ]
    return pd.concat(parts, ignore_index=True)
