"""A 95 % interval from the resamples of a statistic.

It is `g(value) ± t * s * sqrt(G / (G - 1))`, turned back by the inverse of `g`: `s` is the standard
deviation of `g` over the resamples, `t` the 97.5 % quantile of Student's t with G - 1 degrees of
freedom, G the number of groups, `g` Fisher's z for correlations and the logarithm for errors. In
simulations it covers the true value more often than percentile and BCa intervals do
(docs/statistics.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from benchbench.statistics.paired import Floats

Scale = Literal["correlation", "share", "positive", "plain"]
_Map = Callable[[Floats], Floats]

MIN_GROUPS = 6
RELIABLE_GROUPS = 20

_EDGE = 1e-12


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % interval. `low` and `high` are None where there is none; `note` then says why.

    `reliable` is False for fewer than 20 groups.
    """

    low: float | None
    high: float | None
    reliable: bool = True
    note: str | None = None

    @property
    def ci95(self) -> tuple[float, float] | None:
        """Both ends, or None where there is no interval."""
        return None if self.low is None or self.high is None else (self.low, self.high)


def no_interval(reason: str) -> Interval:
    """An interval without ends, noted as `undefined: <reason>`."""
    return Interval(None, None, False, f"undefined: {reason}")


def too_few_groups(n_groups: int) -> str | None:
    """Why there can be no interval for this number of groups, or None."""
    if n_groups >= MIN_GROUPS:
        return None
    return f"fewer than {MIN_GROUPS} groups ({n_groups})"


def few_groups_note(n_groups: int) -> str | None:
    """What must stand beside an interval from this number of groups, or None."""
    if n_groups >= RELIABLE_GROUPS:
        return None
    return f"unreliable: fewer than {RELIABLE_GROUPS} groups ({n_groups})"


def interval_of(
    value: float, resampled: ArrayLike, n_groups: int, *, scale: Scale = "correlation"
) -> Interval:
    """The 95 % interval of `value` from its resamples `[R]` over `n_groups` groups.

    `scale` is what the statistic is: a "correlation" in [-1, 1], a "share" in [0, 1], "positive",
    or "plain". Resamples that are NaN are left out; more than a tenth of them is noted.
    """
    reason = too_few_groups(n_groups)
    if reason is not None:
        return no_interval(reason)
    values = np.asarray(resampled, dtype=np.float64)
    kept = values[np.isfinite(values)]
    if not np.isfinite(value) or len(kept) < max(2, len(values) // 2):
        return no_interval(f"{len(values) - len(kept)} of {len(values)} resamples have no value")
    notes = [few_groups_note(n_groups)]
    lost = len(values) - len(kept)
    if lost > len(values) // 10:
        notes.append(f"{lost} of {len(values)} resamples have no value")
    used: Scale = "plain" if scale == "positive" and min(value, kept.min()) <= 0 else scale
    forward, back = _TRANSFORMS[used]
    moved = forward(kept)
    spread = float(np.std(moved)) * np.sqrt(n_groups / (n_groups - 1))
    half = spread * float(stats.t.ppf(0.975, n_groups - 1))
    low = high = value
    if moved.min() < moved.max():
        centre = forward(np.array([value]))[0]
        ends = back(np.array([centre - half, centre + half]))
        # Transforming there and back must not move an end past the value by rounding.
        low, high = min(float(ends[0]), value), max(float(ends[1]), value)
    said = "; ".join(note for note in notes if note)
    return Interval(low, high, n_groups >= RELIABLE_GROUPS, said or None)


def _fisher(values: Floats) -> Floats:
    return np.arctanh(np.clip(values, -1 + _EDGE, 1 - _EDGE))


def _logit(values: Floats) -> Floats:
    clipped = np.clip(values, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))


def _expit(values: Floats) -> Floats:
    return np.asarray(0.5 * (1 + np.tanh(values / 2)))


def _same(values: Floats) -> Floats:
    return values


_TRANSFORMS: Mapping[Scale, tuple[_Map, _Map]] = {
    "correlation": (_fisher, np.tanh),
    "share": (_logit, _expit),
    "positive": (np.log, np.exp),
    "plain": (_same, _same),
}
