"""Task ``iqa``: how well do features tell the quality that people saw?

Full-reference (``mode=fr``): the quality of an image is minus the distance between its features
and its reference's; nothing is fitted. No-reference (``mode=nr``): a regression from features to
scores, tested on contents that it has never seen. An extractor that gives a score is taken as it
is (``mode=score``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from benchbench import DatasetFacts, Features, Outcome, Score, Task, UsageError, hookimpl

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

METRICS = ("srocc", "plcc", "plcc_linear", "krocc", "rmse", "rmse_linear")
SHOWN = METRICS[:5]
CORRELATIONS = ("srocc", "plcc", "plcc_linear", "krocc")


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
    metrics = SHOWN

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

    def _score_directly(self, quality: np.ndarray, table: pd.DataFrame, seed: int) -> Outcome:
        """Quality, higher better, against the scores in their own direction."""
        from benchbench import oriented, quality_metrics, with_intervals

        target = table["score"].to_numpy(float)
        rising = bool(table.attrs["higher_is_better"])
        std = table["score_std"].to_numpy(float) if "score_std" in table else None
        kind = table.attrs["std_kind"]
        found = quality_metrics(quality, target, std=std, std_kind=kind, higher_is_better=rising)
        found = with_intervals(found, oriented(quality, rising), target,
                               table["group"].to_numpy(), std=std, std_kind=kind, seed=seed)
        mapping = None if found.fit is None else f"{found.fit.kind}, monotone"
        scores = {
            name: Score(e.value, name in CORRELATIONS, e.ci95, e.reliable, e.note,
                        mapping if name in ("plcc", "rmse") else None)
            for name, e in found.estimates.items()
            if name in METRICS or (name == "outlier_ratio" and e.defined)
        }
        # What is kept announces the score itself, so that every figure follows from the file alone.
        predictions = _predictions(table, range(len(table)), 0, oriented(quality, rising))
        details = {"mapping": describe_fit(found.fit),
                   "by": _by(oriented(quality, rising), target, table)}
        return Outcome(scores, predictions, _caveats(scores), details)

    def _no_reference(self, features: Features, table: pd.DataFrame, seed: int) -> Outcome:
        import numpy as np
        import pandas as pd

        from benchbench import bootstrap_median_over_splits, quality_metrics

        rows = np.asarray(features.rows, float).reshape(len(table), -1)
        groups = table["group"].astype(str).to_numpy()
        target = table["score"].to_numpy(float)
        splits = self._splits(table, groups, seed)
        if self.labels == "shuffled":
            table = table.assign(score=np.random.default_rng(seed).permutation(target))
            target = table["score"].to_numpy(float)
        fitted = self._regress(rows, target, groups, splits)
        each = [quality_metrics(p, target[s.test])
                for p, s in zip(fitted.predictions, splits, strict=True)]
        intervals = bootstrap_median_over_splits(fitted.predictions, splits, target, groups,
                                                 fits=[found.fit for found in each], seed=seed)
        scores = {}
        for name in METRICS:
            values = [v for found in each if (v := found.estimates[name].value) is not None]
            note = None
            if len(values) < len(each):
                first = next(f.estimates[name].note for f in each
                             if f.estimates[name].value is None)
                note = f"{len(each) - len(values)} of {len(each)} splits {first}"
            value = float(np.median(values)) if values else None
            scores[name] = _score(name, value, note, intervals.get(name), "logistic, each split")
        predictions = pd.concat(
            [_predictions(table, s.test, k, p)
             for k, (p, s) in enumerate(zip(fitted.predictions, splits, strict=True))],
            ignore_index=True)
        usable = [v for f in each if (v := f.estimates["srocc"].value) is not None]
        scores["srocc_mean"] = Score(float(np.mean(usable)) if usable else None,
                                     note=None if usable else scores["srocc"].note)
        details = {
            "splits": len(splits), "regressor": self.regressor,
            "srocc_sd": float(np.std(usable, ddof=1)) if len(usable) > 1 else None,
            "penalties": [float(p) for p in fitted.penalties],
            "train_groups": [list(map(str, s.train_groups)) for s in splits],
            "test_groups": [list(map(str, s.test_groups)) for s in splits],
            "mappings": [describe_fit(found.fit) for found in each],
        }
        tested = len(np.unique(np.concatenate([s.test for s in splits])))
        notes = [*fitted.notes, *_caveats(scores)]
        if tested < len(table):
            notes.append(f"the splits test {tested} of {len(table)} images")
        return Outcome(scores, predictions, notes, details, n_tested=tested)

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


def describe_fit(fit: Any) -> dict[str, Any] | None:
    """The mapping as data: enough to draw it and to judge how it was found."""
    if fit is None:
        return None
    return {
        "kind": fit.kind, "parameters": list(map(float, fit.parameters)), "start": fit.start,
        "starts": fit.starts, "converged": fit.converged, "monotone": fit.monotone,
        "free_plcc": fit.free.plcc if fit.free else None,
        "free_rmse": fit.free.rmse if fit.free else None,
        "free_monotone": fit.free.monotone if fit.free else None,
    }


def _score(name: str, value: float | None, note: str | None, interval: Any,
           mapping: str | None) -> Score:
    ci, reliable = None, True
    if interval is not None and value is not None:
        reliable = bool(interval.reliable)
        if interval.low is not None:
            ci = (float(interval.low), float(interval.high))
    return Score(value, name in CORRELATIONS, ci, reliable, note,
                 mapping if name in ("plcc", "rmse") else None)


def _caveats(scores: Mapping[str, Score]) -> list[str]:
    primary = scores["srocc"]
    if primary.value is None:
        return [f"srocc {primary.note}"]
    if primary.reliable:
        return []
    return ["fewer than 20 groups: the intervals are unreliable" if primary.ci95
            else "fewer than 6 groups: no intervals, and no ranking can be claimed"]


def _predictions(table: pd.DataFrame, rows: Any, split: int, values: np.ndarray) -> pd.DataFrame:
    import pandas as pd

    some = table.iloc[list(rows)]
    return pd.DataFrame({
        "image": some["image"].to_numpy(), "split": split, "group": some["group"].to_numpy(),
        "target": some["score"].to_numpy(float), "prediction": values,
    })


@hookimpl
def benchbench_tasks() -> list[type[Task]]:
    return [ImageQuality]
