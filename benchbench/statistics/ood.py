"""The metrics of out-of-distribution detection, from exact curves.

A score is high for what looks like an outlier. Every distinct score is a threshold; there is no
grid, and equal scores are accepted or flagged together. An image is flagged when its score is
at or above the threshold.

Conventions differ between papers and change the numbers, so each is named:
- `auroc` is the same whichever class is called positive.
- `aupr_out` has the outliers as positive, `aupr_in` the in-distribution images. Both are the
  trapezoid area under the precision-recall curve, begun at recall 0 and precision 1, as in
  OpenOOD and pytorch-ood. The average precision is another number.
- `fpr95_ood_positive` is the share of in-distribution images flagged at the first threshold that
  flags 95 % of the outliers (OpenOOD). `fpr95_id_positive` is the share of outliers accepted at
  the first threshold that accepts 95 % of the in-distribution images (ODIN).
- `detection_accuracy` is 1 − min over thresholds of ½ (share of outliers missed) + ½ (share of
  in-distribution images flagged).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchbench.statistics.estimate import Estimate, undefined
from benchbench.statistics.paired import Floats, defect

OOD_METRICS = (
    "accuracy",
    "balanced_accuracy",
    "auroc",
    "aupr_in",
    "aupr_out",
    "fpr95_ood_positive",
    "fpr95_id_positive",
    "detection_accuracy",
)


@dataclass(frozen=True, slots=True)
class Threshold:
    """A score from which on an image is flagged, and the rule it came from, in words."""

    value: float
    rule: str


def accepting(scores: ArrayLike, share: float = 0.95) -> Threshold:
    """The lowest threshold that accepts at least `share` of known in-distribution `scores` `[n]`.

    Meant for scores of the training part: nothing is learnt from the images that are judged.
    """
    values = np.sort(np.asarray(scores, dtype=np.float64))
    if not values.size or not np.isfinite(values).all():
        raise ValueError("a threshold needs at least one score, all of them finite")
    place = min(values.size, max(1, int(np.ceil(share * values.size - 1e-9))))
    # Flagged is what lies above the last score to accept.
    return Threshold(
        float(np.nextafter(values[place - 1], np.inf)), f"accepts {share:.0%} of training images"
    )


def ood_metrics(
    score: ArrayLike, outlier: ArrayLike, *, threshold: Threshold | float | None = None
) -> dict[str, Estimate]:
    """Every metric of `OOD_METRICS`, each in [0, 1].

    `score` `[n]` is high for outliers, `outlier` `[n]` is 1 or True for them. `accuracy` and
    `balanced_accuracy` need a `threshold`, given or made by a rule (`accepting`), which their
    notes state. Raises ValueError where the lengths differ or `outlier` is not 0 or 1.
    """
    scores = np.asarray(score, dtype=np.float64)
    flags = np.asarray(outlier)
    if scores.ndim != 1 or scores.shape != flags.shape:
        raise ValueError(
            "score and outlier must be two series of one length, got shapes "
            f"{scores.shape} and {flags.shape}"
        )
    if not np.isin(flags, (0, 1)).all():
        raise ValueError("outlier must hold 0 (in distribution) and 1 (outlier) alone")
    is_outlier = flags.astype(bool)
    reason = _defect(scores, is_outlier)
    if reason:
        return dict.fromkeys(OOD_METRICS, undefined(reason))
    at = Threshold(float(threshold), "given") if isinstance(threshold, (int, float)) else threshold
    accuracy, balanced = _accuracies(scores, is_outlier, at)
    if scores.min() == scores.max():
        curves = dict.fromkeys(OOD_METRICS[2:], undefined("predictions are constant"))
    else:
        curves = {name: Estimate(value) for name, value in _curves(scores, is_outlier).items()}
    return {"accuracy": accuracy, "balanced_accuracy": balanced, **curves}


def _defect(scores: Floats, is_outlier: NDArray[np.bool_]) -> str | None:
    reason = defect(scores, "predictions")
    if reason:
        return reason
    if is_outlier.all():
        return "one class only: there are no in-distribution images"
    if not is_outlier.any():
        return "one class only: there are no outliers"
    return None


def _accuracies(
    scores: Floats, is_outlier: NDArray[np.bool_], threshold: Threshold | None
) -> tuple[Estimate, Estimate]:
    if threshold is None:
        missing = undefined("no threshold is given")
        return missing, missing
    flagged = scores >= threshold.value
    note = f"flagged when score >= {threshold.value:.6g} ({threshold.rule})"
    balanced = (np.mean(flagged[is_outlier]) + np.mean(~flagged[~is_outlier])) / 2
    return Estimate(float(np.mean(flagged == is_outlier)), note), Estimate(float(balanced), note)


def _curves(scores: Floats, is_outlier: NDArray[np.bool_]) -> dict[str, float]:
    ood, inside = _counts(scores, is_outlier), _counts(-scores, ~is_outlier)
    n_ood, n_id = int(ood[0][-1]), int(inside[0][-1])
    caught, flagged = (np.concatenate(([0], counts)) for counts in ood)
    # Twice the area in whole counts, so that nothing is rounded before the one division.
    area = int(np.sum(np.diff(flagged) * (caught[1:] + caught[:-1])))
    return {
        "auroc": area / (2 * n_ood * n_id),
        "aupr_in": _pr_area(*inside),
        "aupr_out": _pr_area(*ood),
        "fpr95_ood_positive": _fpr95(*ood),
        "fpr95_id_positive": _fpr95(*inside),
        "detection_accuracy": float(np.max(0.5 * (1 + caught / n_ood - flagged / n_id))),
    }


def _counts(
    scores: Floats, positive: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """True and false positives at each distinct threshold, from the highest down."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), scores.size - 1)
    true = np.cumsum(positive[order])[last]
    return true, last + 1 - true


def _pr_area(true: NDArray[np.int64], false: NDArray[np.int64]) -> float:
    recall = np.concatenate(([0.0], true / true[-1]))
    precision = np.concatenate(([1.0], true / (true + false)))
    return float(np.sum(np.diff(recall) * (precision[1:] + precision[:-1])) / 2)


def _fpr95(true: NDArray[np.int64], false: NDArray[np.int64]) -> float:
    # In whole numbers: 20 of 21 are not 95 %, and 19 of 20 are.
    first = int(np.argmax(20 * true >= 19 * true[-1]))
    return float(false[first] / false[-1])
