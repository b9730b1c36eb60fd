"""The logistic mapping from predictions to targets that stands before PLCC and RMSE.

    f(x) = β1·(½ − 1 / (1 + exp(β2·(x − β3)))) + β4·x + β5

(Sheikh, Sabir and Bovik 2006). Its linear term can make it turn round, and a fit that turns
round flatters the method. The mapping used is therefore the one of lowest RMSE among the fits
that are monotone over the range of the predictions: of 5 parameters, of 4 (β4 = 0), or the
straight line. The best fit without that condition stands beside it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from benchbench.statistics import logistic_search as ls
from benchbench.statistics.correlation import pearson
from benchbench.statistics.paired import Floats, paired, to_unit

Kind = Literal["logistic5", "logistic4", "linear"]

# The documented starts: β2 in units of 1/spread, β3 as quantiles of the predictions. Spread is
# the standard deviation, and once more the interquartile range of a normal distribution of that
# standard deviation, since one far outlier makes the former useless. β1, β4 and β5 need no
# starts: they are linear. Each start serves the fit of 5 parameters and the one of 4.
START_STEEPNESS = (0.5, 1.0, 3.0, 8.0)
START_QUANTILES = (0.1, 0.5, 0.9)
NORMAL_IQR = 1.3489795

# Steps from all starts on bins, steps of what is then still distinct, and steps on all points,
# with the relative gain in the squared error that ends each search.
FIRST_STEPS, COARSE_STEPS, COARSE_GAIN = 6, 24, 1e-5
FINE_STEPS, FINE_GAIN = 100, 1e-10
# How many minima on bins are followed for each kind of fit, and how near to the best (as a
# factor of the squared error) they must be: nearer than that, all points may change the order.
FOLLOWED, NEAR = 3, 1.05


@dataclass(frozen=True, slots=True)
class LogisticFit:
    """A fitted mapping; call it with predictions `[n]` to get values in the unit of the target.

    `plcc` is Pearson's correlation of the mapped predictions with the targets times
    `direction`, so that a mapping that falls (an inverted method) has a negative one.
    `direction` is +1 for a rising mapping and -1 for a falling one; one that turns round has the
    sign of its correlation with the predictions.
    `start` is the index (steepness-major, see `START_STEEPNESS` and `START_QUANTILES`) of the
    start that led there, None for the straight line. `free` is the best fit without the
    condition of monotonicity; it is None in the free fit itself.
    """

    kind: Kind
    rmse: float
    plcc: float
    direction: int
    monotone: bool
    converged: bool
    start: int | None
    starts: int
    note: str | None
    free: LogisticFit | None
    scaled: tuple[float, float, float, float, float]
    middle: tuple[float, float]
    half: tuple[float, float]

    def __call__(self, prediction: ArrayLike) -> Floats:
        """The mapped predictions `[n]`."""
        u = (np.asarray(prediction, dtype=np.float64) - self.middle[0]) / self.half[0]
        return self.middle[1] + self.half[1] * _evaluate(self.scaled, u)

    @property
    def parameters(self) -> tuple[float, float, float, float, float]:
        """β1 … β5 for predictions and targets in their own units."""
        b1, b2, b3, b4, b5 = self.scaled
        (x0, y0), (hx, hy) = self.middle, self.half
        return b1 * hy, b2 / hx, x0 + hx * b3, b4 * hy / hx, y0 + hy * (b5 - b4 * (x0 / hx))

    @property
    def n_parameters(self) -> int:
        """How many of the five are fitted: 5, 4, or 2 for the straight line."""
        return {"logistic5": 5, "logistic4": 4, "linear": 2}[self.kind]


def fit_logistic(prediction: ArrayLike, target: ArrayLike) -> LogisticFit:
    """The monotone mapping of lowest RMSE from `prediction` `[n]` to `target` `[n]`.

    Raises ValueError where no mapping is defined (NaN, infinite, constant, fewer than 5
    points). A search that fails is not an error: the straight line is returned with a note.
    """
    x, y, reason = paired(prediction, target)
    if reason:
        raise ValueError(f"no mapping can be fitted: {reason}")
    u, x0, hx = to_unit(x)
    v, y0, hy = to_unit(y)
    starts = _starts(u)
    found = _minima(u, v, starts)
    problem = _Problem(u, v, (x0, y0), (hx, hy), 2 * starts[0].size)
    fits = problem.logistics(found)
    line = problem.line(converged=bool(fits))
    free = _best(line, fits)
    best = _best(line, [fit for fit in fits if fit.monotone])
    return replace(best, free=free, note=_note(best, x.size))


@dataclass(frozen=True, slots=True)
class _Problem:
    """Predictions and targets in [-1, 1], with what leads back to their units."""

    u: Floats
    v: Floats
    middle: tuple[float, float]
    half: tuple[float, float]
    starts: int

    def logistics(self, found: ls.Candidates) -> list[LogisticFit]:
        """The searches that converged, as fits."""
        numbers = ls.parameters(ls.all_points(self.u, self.v), found)
        return [
            self._fit(
                numbers[row],
                kind="logistic5" if found.sloped[row] else "logistic4",
                start=int(found.start[row]),
            )
            for row in np.flatnonzero(found.converged)
        ]

    def line(self, *, converged: bool) -> LogisticFit:
        """The least-squares line; `converged` says whether any search for a logistic ended."""
        p, q = self.u - self.u.mean(), self.v - self.v.mean()
        b4 = float(p @ q) / float(p @ p)
        b5 = float(self.v.mean()) - b4 * float(self.u.mean())
        numbers = np.array([0.0, 1.0, 0.0, b4, b5])
        return self._fit(numbers, kind="linear", start=None, converged=converged)

    def _fit(
        self, numbers: Floats, *, kind: Kind, start: int | None, converged: bool = True
    ) -> LogisticFit:
        b1, b2, b3, b4, b5 = numbers.tolist()
        mapped = _evaluate((b1, b2, b3, b4, b5), self.u)
        residual = self.v - mapped
        direction = 1 if float((self.u - self.u.mean()) @ mapped) >= 0 else -1
        # Below this nothing is explained and the mapping is a constant but for rounding.
        explained = 1.0 - float(residual @ residual) / (float(self.v.var()) * self.v.size)
        plcc = direction * pearson(mapped, self.v) if explained > 1e-13 else 0.0
        return LogisticFit(
            kind=kind,
            rmse=self.half[1] * math.sqrt(float(residual @ residual) / self.v.size),
            plcc=plcc,
            direction=direction,
            monotone=bool(ls.monotone(numbers[None])[0]),
            converged=converged,
            start=start,
            starts=self.starts,
            note=None,
            free=None,
            scaled=(b1, b2, b3, b4, b5),
            middle=self.middle,
            half=self.half,
        )


def _evaluate(scaled: tuple[float, float, float, float, float], u: Floats) -> Floats:
    b1, b2, b3, b4, b5 = scaled
    return b1 * ls.wave(u, b2, b3) + b4 * u + b5


def _best(line: LogisticFit, fits: list[LogisticFit]) -> LogisticFit:
    """The lowest RMSE; the straight line where no logistic is better by more than rounding."""
    best = min(fits, key=lambda fit: fit.rmse, default=line)
    return best if best.rmse < line.rmse * (1 - 1e-9) else line


def _note(best: LogisticFit, n: int) -> str | None:
    notes = []
    if not best.converged:
        notes.append(f"none of {best.starts} starts converged: straight line")
    elif best.kind == "linear":
        notes.append("no monotone logistic is better than the straight line")
    if n < 5 * best.n_parameters:
        notes.append(f"{best.n_parameters} parameters fitted to {n} points: optimistic")
    return "; ".join(notes) or None


def _starts(u: Floats) -> tuple[Floats, Floats]:
    quantiles = np.quantile(u, [*START_QUANTILES, 0.25, 0.75])
    middle = quantiles[: len(START_QUANTILES)]
    deviation = float(u.std())
    spreads = [deviation]
    by_quartiles = float(quantiles[-1] - quantiles[-2]) / NORMAL_IQR
    if 0 < by_quartiles < deviation / 2:
        spreads.append(by_quartiles)
    b2 = np.concatenate([np.array(START_STEEPNESS) / spread for spread in spreads])
    return np.repeat(b2, middle.size), np.tile(middle, b2.size)


def _minima(u: Floats, v: Floats, starts: tuple[Floats, Floats]) -> ls.Candidates:
    """The ends of the searches on all points, one row a minimum worth following."""
    coarse = ls.binned(u, v)
    found = ls.starting(*starts)
    ls.search(coarse, found, FIRST_STEPS, COARSE_GAIN)
    found = ls.distinct(found)
    ls.search(coarse, found, COARSE_STEPS, COARSE_GAIN)
    found = ls.distinct(found)
    monotone = ls.monotone(ls.parameters(coarse, found))
    within_bins = float(v @ v - coarse.v @ coarse.v)
    chosen = set[int]()
    for group in (~found.sloped, found.sloped, found.sloped & monotone):
        rows = np.flatnonzero(group)
        rss = found.rss[rows] + within_bins
        near = rss <= NEAR * rss.min(initial=np.inf)
        chosen.update(rows[near][np.argsort(rss[near], kind="stable")][:FOLLOWED].tolist())
    found = found.take(np.array(sorted(chosen), dtype=np.int64))
    ls.search(ls.all_points(u, v), found, FINE_STEPS, FINE_GAIN)
    return found
