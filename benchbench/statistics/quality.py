"""The metrics of image quality assessment for one method's predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchbench.statistics import correlation
from benchbench.statistics.estimate import Estimate, undefined
from benchbench.statistics.mapping import LogisticFit, fit_logistic
from benchbench.statistics.paired import Floats, paired

StdKind = Literal["ratings", "mean"]

# How many standard deviations away an outlier is: of an image's ratings (ITU-T P.1401 and the
# VQEG reports), or of its mean, where the same document takes the 95 % interval.
OUTLIER_AT: dict[StdKind, float] = {"ratings": 2.0, "mean": 1.96}


@dataclass(frozen=True, slots=True)
class QualityMetrics:
    """The estimates by name, and the mapping behind `plcc`, `rmse` and `outlier_ratio`.

    `fit` maps the *oriented* predictions (see `oriented`). It is None where the metrics are
    undefined. `n` is the number of images.
    """

    estimates: dict[str, Estimate]
    fit: LogisticFit | None
    n: int


def oriented(prediction: ArrayLike, higher_is_better: bool) -> Floats:
    """Predictions turned so that a larger one announces a larger target.

    `higher_is_better` is False where a larger prediction is declared to go with a *smaller*
    target: quality scores against DMOS, or distances against MOS. This is the only place where
    a direction is applied.
    """
    values = np.asarray(prediction, dtype=np.float64)
    return values if higher_is_better else -values


def quality_metrics(
    prediction: ArrayLike,
    target: ArrayLike,
    *,
    std: ArrayLike | None = None,
    std_kind: StdKind | None = None,
    higher_is_better: bool = True,
) -> QualityMetrics:
    """SROCC, KROCC, PLCC and RMSE (mapped, free and linear), and the outlier ratio.

    `prediction` and `target` are `[n]`. The keys are `srocc`, `krocc`, `plcc`, `rmse` (after
    the monotone logistic mapping), `plcc_free`, `rmse_free` (after the best fit, monotone or
    not), `plcc_linear`, `rmse_linear`, and `outlier_ratio` where `std` `[n]` is given.
    Correlations are signed: after the declared direction has been applied, a method that is
    the wrong way round is negative, in PLCC too, whose mapping then falls. Errors are in the
    unit of the target. Raises ValueError where the lengths differ.
    """
    x, y, reason = paired(oriented(prediction, higher_is_better), target)
    fit = None if reason else fit_logistic(x, y)
    estimates = {
        "srocc": correlation.srocc(x, y),
        "krocc": correlation.krocc(x, y),
        **_mapped(fit, reason),
        "plcc_linear": correlation.plcc(x, y),
        "rmse_linear": correlation.rmse_linear(x, y),
    }
    rank, mapped = estimates["srocc"].value, estimates["plcc"].value
    if rank is not None and mapped is not None and rank * mapped < 0:
        note = f"its mapping {'rises' if mapped > 0 else 'falls'}, against the sign of SROCC"
        said = estimates["plcc"].note
        estimates["plcc"] = Estimate(mapped, f"{said}; {note}" if said else note)
    if std is not None:
        estimates["outlier_ratio"] = outlier_ratio(x, y, fit, std, std_kind)
    return QualityMetrics(estimates, fit, x.size)


def quality_by(
    labels: ArrayLike,
    prediction: ArrayLike,
    target: ArrayLike,
    *,
    std: ArrayLike | None = None,
    std_kind: StdKind | None = None,
    higher_is_better: bool = True,
) -> dict[str, QualityMetrics]:
    """`quality_metrics` of each label's images alone, by label (a distortion, a level).

    Each has a mapping of its own. `labels` are `[n]`; labels that are numbers come in their
    order. Raises ValueError where the lengths differ.
    """
    names = np.asarray(labels)
    x, y, _ = paired(prediction, target)
    if names.shape != x.shape:
        raise ValueError(f"expected one label an image: {x.size}, got shape {names.shape}")
    deviations = None if std is None else np.asarray(std, dtype=np.float64)
    return {
        str(name): quality_metrics(
            x[names == name],
            y[names == name],
            std=None if deviations is None else deviations[names == name],
            std_kind=std_kind,
            higher_is_better=higher_is_better,
        )
        for name in _in_order(names)
    }


def outlier_ratio(
    prediction: Floats,
    target: Floats,
    fit: LogisticFit | None,
    std: ArrayLike,
    std_kind: StdKind | None,
) -> Estimate:
    """The share of images whose mapped prediction is out of the ratings' reach, in [0, 1].

    That is further from the target than 2 standard deviations of the image's ratings
    (`std_kind="ratings"`), or 1.96 of their mean (`std_kind="mean"`). The two differ by the root
    of the number of ratings, so that the kind must be declared.
    """
    deviations = np.asarray(std, dtype=np.float64)
    if deviations.shape != target.shape:
        raise ValueError(
            f"expected one standard deviation an image: {target.size}, got {deviations.shape}"
        )
    if fit is None:
        return undefined("there is no mapping")
    if std_kind is None:
        return undefined("it is not declared whether the deviations are of ratings or of means")
    # A NaN is not >= 0 either.
    bad = int(np.count_nonzero(~(deviations >= 0)))
    if bad:
        return undefined(f"{bad} of {target.size} deviations are NaN or negative")
    return Estimate(float(np.mean(outliers(prediction, target, fit, deviations, std_kind))))


def outliers(
    prediction: Floats, target: Floats, fit: LogisticFit, std: Floats, std_kind: StdKind
) -> NDArray[np.bool_]:
    """Which images `outlier_ratio` counts, `[n]`."""
    return np.asarray(np.abs(fit(prediction) - target) > OUTLIER_AT[std_kind] * std)


def _in_order(names: NDArray[Any]) -> list[Any]:
    """The distinct labels: as numbers where all are numbers, so that 10 comes after 2."""
    distinct = np.unique(names).tolist()
    try:
        return sorted(distinct, key=float)
    except ValueError:
        return list(distinct)


def _mapped(fit: LogisticFit | None, reason: str | None) -> dict[str, Estimate]:
    if fit is None or fit.free is None:
        return dict.fromkeys(("plcc", "rmse", "plcc_free", "rmse_free"), undefined(str(reason)))
    free = fit.free
    turns = None if free.monotone else "the mapping is not monotone"
    return {
        "plcc": Estimate(fit.plcc, fit.note),
        "rmse": Estimate(fit.rmse, fit.note),
        "plcc_free": Estimate(free.plcc, turns),
        "rmse_free": Estimate(free.rmse, turns),
    }
