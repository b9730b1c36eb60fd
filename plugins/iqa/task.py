"""The task ``iqa``: its modes, protocols and predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from benchbench_plugins.iqa.scores import METRICS, caveats, describe_fit, directly, over_splits

from benchbench import DatasetFacts, Features, Outcome, Score, Task, UsageError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


class ImageQuality(Task):
    """Correlation of predicted with subjective quality, signed, with intervals over contents.

    ``protocol`` of ``mode=nr``: ``random`` splits of 80/20 by group (``splits`` of them, the score
    is the median), the dataset's ``official`` split, or ``leave-one-out`` by group. ``distance``
    of ``mode=fr``. ``components`` of a PCA before ``svr`` or ``knn``. ``labels=shuffled`` is the
    control that learns from and is tested against permuted scores: learned from permuted scores
    alone, a slope of the wrong sign or of the right one is left to chance, and a rank correlation
    does not see how small it is.
    """

    name = "iqa"
    version = "1"
    summary = "image quality: SROCC, PLCC, KROCC, RMSE against subjective scores"
    takes: tuple[str, ...] = ("vector", "score")
    metrics = METRICS[:5]

    def __init__(
        self, *, mode: Literal["all", "fr", "nr", "score"] = "all",
        distance: Literal["cosine", "l2", "spearman"] = "cosine",
        regressor: Literal["ridge", "svr", "knn", "none"] = "ridge",
        components: int | None = None,
        scaling: Literal["split", "set"] = "split",
        protocol: Literal["random", "official", "leave-one-out"] = "random",
        splits: int = 100, labels: Literal["given", "shuffled"] = "given",
    ) -> None:
        if splits < 1:
            raise UsageError(f"iqa[splits={splits}]: expected at least 1")
        self.mode, self.distance, self.regressor = mode, distance, regressor
        self.protocol, self.splits, self.labels = protocol, splits, labels
        self.components, self.scaling = components, scaling
        if components is not None and regressor not in ("svr", "knn"):
            raise UsageError(f"iqa[components={components}]: for regressor=svr or knn, "
                             f"not {regressor}")
        if scaling == "set" and regressor != "ridge":
            raise UsageError(f"iqa[scaling=set]: for regressor=ridge, not {regressor}")
        if mode == "score":
            self.takes = ("score",)

    @property
    def needs(self) -> tuple[str, ...]:
        if self.mode == "nr" and self.protocol == "official":
            return ("score", "split")
        return ("score", "reference") if self.mode == "fr" else ("score",)

    def expand(self, gives: str, dataset: DatasetFacts) -> Sequence[Mapping[str, Any]]:
        if self.mode != "all":
            return [{}]
        if gives == "score":
            return [{"mode": "score"}]
        return [{"mode": "fr"}, {"mode": "nr"}]

    def controls(self) -> Sequence[Mapping[str, Any]]:
        return [{"mode": "nr", "labels": "shuffled"}] if self.mode in ("all", "nr") else []

    def evaluate(self, features: Features, table: pd.DataFrame, seed: int) -> Outcome:
        import numpy as np

        if self.mode == "nr":
            return self._no_reference(features, table, seed)
        rows = np.asarray(features.rows, float).reshape(len(table), -1)
        if self.mode == "fr":
            reference = np.asarray(features.reference, float).reshape(len(table), -1)
            quality = -distances(rows, reference, self.distance)
        else:
            quality = rows[:, 0] if features.higher_is_better else -rows[:, 0]
        return self._score_directly(quality, table, seed)

    def tested(self, table: pd.DataFrame, seed: int) -> pd.DataFrame:
        """With ``std`` and ``std_kind`` where the spread of the ratings is known."""
        if self.mode != "nr":
            kind = table.attrs["std_kind"]
            sheet = _sheet(table, range(len(table)), 0)
            if "score_std" not in table or kind is None:
                return sheet
            return sheet.assign(std=table["score_std"].to_numpy(float), std_kind=kind)
        groups = table["group"].astype(str).to_numpy()
        return _tested(self._labelled(table, seed), self._splits(table, groups, seed))

    def score(self, predictions: pd.DataFrame, seed: int) -> dict[str, Score]:
        """``prediction`` announces the target itself: the larger the one, the larger the other."""
        score = over_splits if self.mode == "nr" else directly
        return score(predictions, seed)[0]

    def _score_directly(self, quality: np.ndarray, table: pd.DataFrame, seed: int) -> Outcome:
        """Quality, higher better, against the scores in their own direction."""
        from benchbench import oriented

        announced = oriented(quality, bool(table.attrs["higher_is_better"]))
        predictions = self.tested(table, seed).assign(prediction=announced)
        scores, fit = directly(predictions, seed)
        details = {"mapping": describe_fit(fit),
                   "by": _by(announced, table["score"].to_numpy(float), table)}
        return Outcome(scores, predictions, caveats(scores), details)

    def _no_reference(self, features: Features, table: pd.DataFrame, seed: int) -> Outcome:
        import numpy as np

        rows = np.asarray(features.rows, float).reshape(len(table), -1)
        groups = table["group"].astype(str).to_numpy()
        splits = self._splits(table, groups, seed)
        labelled = self._labelled(table, seed)
        fitted = self._regress(rows, labelled["score"].to_numpy(float), groups, splits)
        predictions = _tested(labelled, splits).assign(
            prediction=np.concatenate(fitted.predictions))
        scores, each = over_splits(predictions, seed)
        usable = [v for f in each if (v := f.estimates["srocc"].value) is not None]
        details = {
            "splits": len(splits), "regressor": self.regressor,
            "srocc_sd": float(np.std(usable, ddof=1)) if len(usable) > 1 else None,
            "penalties": [float(p) for p in fitted.penalties],
            "train_groups": [list(map(str, s.train_groups)) for s in splits],
            "test_groups": [list(map(str, s.test_groups)) for s in splits],
            "mappings": [describe_fit(found.fit) for found in each],
        }
        tested = predictions["image"].nunique()
        notes = [*fitted.notes, *caveats(scores)]
        if tested < len(table):
            notes.append(f"the splits test {tested} of {len(table)} images")
        return Outcome(scores, predictions, notes, details, n_tested=tested)

    def _labelled(self, table: pd.DataFrame, seed: int) -> pd.DataFrame:
        """The table with the scores that are learnt and tested."""
        import numpy as np

        if self.labels == "given":
            return table
        target = table["score"].to_numpy(float)
        return table.assign(score=np.random.default_rng(seed).permutation(target))

    def _splits(self, table: pd.DataFrame, groups: np.ndarray, seed: int) -> Sequence[Any]:
        from benchbench import group_splits, leave_one_group_out, official_split

        if self.protocol == "official":
            return official_split(list(table["split"]), groups)
        if self.protocol == "leave-one-out":
            return leave_one_group_out(groups)
        return group_splits(groups, n_splits=self.splits, seed=seed)

    def _regress(self, rows: np.ndarray, target: np.ndarray, groups: np.ndarray,
                 splits: Sequence[Any]) -> Any:
        import benchbench

        options: dict[str, Any] = {}
        if self.regressor == "ridge":
            options["scaling"] = self.scaling
        elif self.components is not None:
            options["components"] = self.components
        regress = getattr(benchbench, f"{self.regressor}_splits")
        return regress(rows, target, groups, splits, **options)


def distances(a: np.ndarray, b: np.ndarray, kind: str) -> np.ndarray:
    """Distance of each row of ``a`` ``[n, d]`` to that of ``b``: Euclidean, one minus the cosine,
    or one minus Spearman's correlation of the two rows. A row without direction (all zero,
    constant) is at distance 1 from any other, at 0 from itself."""
    import numpy as np

    if kind == "l2":
        return np.asarray(np.linalg.norm(a - b, axis=1))
    if kind == "spearman":
        from scipy.stats import rankdata

        a, b = (rankdata(x, axis=1) for x in (a, b))
        a, b = (x - x.mean(axis=1, keepdims=True) for x in (a, b))
    length = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    dot = (a * b).sum(axis=1)
    cosine = np.divide(dot, length, out=np.zeros_like(dot), where=length > 0)
    same = (a == b).all(axis=1)
    return np.asarray(np.where(same, 0.0, 1.0 - cosine))


def _by(quality: np.ndarray, target: np.ndarray, table: pd.DataFrame) -> dict[str, Any]:
    """SROCC of each distortion's and each level's images alone; null where it is undefined."""
    from benchbench import srocc

    found: dict[str, Any] = {}
    for column in ("distortion", "level"):
        if column in table:
            labels = table[column].astype(str).to_numpy()
            found[column] = {
                name: {"n": int((labels == name).sum()),
                       "srocc": srocc(quality[labels == name], target[labels == name]).value}
                for name in sorted(set(labels))
            }
    return found


def _tested(table: pd.DataFrame, splits: Sequence[Any]) -> pd.DataFrame:
    import pandas as pd

    return pd.concat([_sheet(table, s.test, k) for k, s in enumerate(splits)], ignore_index=True)


def _sheet(table: pd.DataFrame, rows: Any, split: int) -> pd.DataFrame:
    import pandas as pd

    some = table.iloc[list(rows)]
    return pd.DataFrame({
        "image": some["image"].to_numpy(), "split": split, "group": some["group"].to_numpy(),
        "target": some["score"].to_numpy(float),
    })
