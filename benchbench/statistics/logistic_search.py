"""The search for the least-squares logistic, all starts at once.

In ``f(u) = b1·s + b4·u + b5`` with ``s = ½·tanh(½·b2·(u − b3))`` the parameters b1, b4 and b5 are
linear: for given (b2, b3) they follow by least squares, and only two numbers are searched
(variable projection, Golub and Pereyra 1973). The exact 2 × 2 Hessian of that reduced problem
gives damped Newton steps for all starts in one batch.

First all starts run on at most `BINS` bins of neighbouring points, then the different minima
are followed to the end on all points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchbench.statistics.paired import Floats

Bools = NDArray[np.bool_]

BINS = 128
# Beyond this distance of the midpoint from the data, in units of 1/b2, only the shape of an
# exponential is left, and the digits of s with it.
REACH = 12.0
# Below the first the logistic is a straight line or a cubic, above the second a step.
SHALLOWEST, STEEPEST = 0.1, 1e9


@dataclass(slots=True)
class Points:
    """Points `u` `[k]` in [-1, 1], `v` `[k]`, and orthonormal columns `[k, 2]` of 1 and u.

    Bins carry weights: `root` is the square root of the number of points in each, and `v` and
    the columns are multiplied by it. Without bins `root` is None. `flat` `[2, k]` is `v` less
    its mean, and less its line.
    """

    u: Floats
    v: Floats
    columns: Floats
    root: Floats | None
    flat: Floats
    low: float
    high: float


@dataclass(slots=True)
class Candidates:
    """One search a row: steepness `b2 = exp(log_b2)`, midpoint, whether b4 is free, and the end."""

    log_b2: Floats
    b3: Floats
    sloped: Bools
    start: NDArray[np.int64]
    rss: Floats
    converged: Bools

    def take(self, rows: NDArray[np.int64]) -> Candidates:
        """The chosen rows, copied."""
        return Candidates(
            self.log_b2[rows],
            self.b3[rows],
            self.sloped[rows],
            self.start[rows],
            self.rss[rows],
            self.converged[rows],
        )


def starting(b2: Floats, b3: Floats) -> Candidates:
    """Every start (b2, b3) twice: with b4 = 0 and with b4 free."""
    count = b2.size
    return Candidates(
        np.log(np.tile(b2, 2)),
        np.tile(b3, 2),
        np.repeat([False, True], count),
        np.tile(np.arange(count), 2),
        np.full(2 * count, np.inf),
        np.zeros(2 * count, dtype=bool),
    )


def all_points(u: Floats, v: Floats) -> Points:
    """The points themselves, not binned."""
    return _points(u, v, None)


def binned(u: Floats, v: Floats) -> Points:
    """Means of at most `BINS` equal groups of neighbours in `u`; the points when they are few."""
    if u.size <= 2 * BINS:
        return all_points(u, v)
    order = np.argsort(u, kind="stable")
    starts = np.linspace(0, u.size, BINS, endpoint=False).astype(np.int64)
    counts = np.diff(np.append(starts, u.size))
    mean_u = np.add.reduceat(u[order], starts) / counts
    mean_v = np.add.reduceat(v[order], starts) / counts
    return _points(mean_u, mean_v, np.sqrt(counts))


def _points(u: Floats, v: Floats, root: Floats | None) -> Points:
    weights = np.ones(u.size) if root is None else root
    one = weights / np.sqrt(weights @ weights)
    line = u * weights
    for _ in range(2):  # Twice, so that rounding leaves nothing of the first column.
        line = line - (one @ line) * one
    line = line / np.sqrt(line @ line)
    v = v * weights
    level = v - (one @ v) * one
    flat = np.stack([level, level - (line @ level) * line])
    columns = np.stack([one, line], axis=1)
    return Points(u, v, columns, root, flat, float(u.min()), float(u.max()))


def distinct(found: Candidates) -> Candidates:
    """One row for each place that several searches have reached, the earliest start's."""
    midpoint = found.b3 * np.exp(found.log_b2)
    places = np.round(np.stack([found.sloped, found.log_b2, midpoint], axis=1), 1)
    return found.take(np.sort(np.unique(places, axis=0, return_index=True)[1]))


def parameters(points: Points, found: Candidates) -> Floats:
    """(b1, b2, b3, b4, b5) `[m, 5]` of each row, the linear ones by least squares."""
    weights = np.ones(points.u.size) if points.root is None else points.root
    b2 = np.exp(found.log_b2)
    s = weights * wave(points.u, b2[:, None], found.b3[:, None])
    along = s @ points.columns
    along[:, 1] *= found.sloped
    q = s - along @ points.columns.T
    qq = np.einsum("ij,ij->i", q, q)
    b1 = np.where(_lost(s, qq), 0.0, q @ points.v / np.where(qq > 0, qq, 1.0))
    rest = points.v - b1[:, None] * s
    line = points.columns[:, 1]
    # The line's column is (u - mean) / norm times the weights.
    norm = float((points.u * weights) @ line)
    b4 = np.where(found.sloped, rest @ line / norm, 0.0)
    total = float(weights @ weights)
    mean = float((points.u * weights) @ weights) / total
    b5 = rest @ weights / total - b4 * mean
    return np.stack([b1, b2, found.b3, b4, b5], axis=1)


def wave(u: Floats, b2: Floats | float, b3: Floats | float) -> Floats:
    """½ − 1 / (1 + exp(b2·(u − b3))), which cannot overflow in this form."""
    return np.asarray(0.5 * np.tanh(0.5 * b2 * (u - b3)))


def monotone(parameters: Floats) -> Bools:
    """Whether each mapping, a row (b1 … b5), never turns round for u in [-1, 1].

    The slope is b1·b2·(¼ − s²) + b4: its extremes are at the points of the range that are
    nearest to the midpoint and farthest from it.
    """
    b1, b2, b3, b4, _ = parameters.T
    near = np.clip(b3, -1.0, 1.0)
    far = np.where(b3 > 0, -1.0, 1.0)
    steepest = b1 * b2 * (0.25 - wave(near, b2, b3) ** 2)
    flattest = b1 * b2 * (0.25 - wave(far, b2, b3) ** 2)
    slack = 1e-12 * (np.abs(steepest) + np.abs(b4))
    rises = (steepest + b4 >= -slack) & (flattest + b4 >= -slack)
    falls = (steepest + b4 <= slack) & (flattest + b4 <= slack)
    return np.asarray(rises | falls)


def search(points: Points, found: Candidates, max_steps: int, gain: float) -> None:
    """Damped Newton steps for every row of `found`, in place, until each has converged.

    A row has converged when its next step promises to lower the squared error by less than the
    share `gain` of it.
    """
    rows = np.arange(found.log_b2.size)
    damping = np.zeros(rows.size)
    found.converged[:] = False
    _bound(points, found.log_b2, found.b3)
    found.rss, gradient, hessian = derivatives(points, found.log_b2, found.b3, found.sloped)
    rss = found.rss.copy()
    nothing = 1e-26 * float(points.flat[0] @ points.flat[0])
    for _ in range(max_steps):
        old_log_b2, old_b3 = found.log_b2[rows], found.b3[rows]
        b2 = np.exp(old_log_b2)
        step = _newton(*_held(points, old_log_b2, old_b3, gradient, hessian), damping)
        log_b2, b3 = old_log_b2 + step[:, 0], old_b3 + step[:, 1] / b2
        _bound(points, log_b2, b3)
        # What a bound has cut off from the step is not promised any more.
        promised = gradient[:, 0] * (old_log_b2 - log_b2) + gradient[:, 1] * (old_b3 - b3) * b2
        done = 2.0 * np.abs(promised) <= gain * rss + nothing
        found.converged[rows[done]] = True
        if done.any():
            going = ~done
            rows, rss, damping = rows[going], rss[going], damping[going]
            log_b2, b3 = log_b2[going], b3[going]
            gradient, hessian = gradient[going], hessian[going]
            if not rows.size:
                return
        new_rss, new_gradient, new_hessian = derivatives(points, log_b2, b3, found.sloped[rows])
        better = new_rss < rss
        taken = rows[better]
        found.log_b2[taken], found.b3[taken] = log_b2[better], b3[better]
        found.rss[taken] = rss[better] = new_rss[better]
        gradient[better], hessian[better] = new_gradient[better], new_hessian[better]
        damping = np.where(better, 0.1 * damping, 4.0 * damping + 1.0)


def _bound(points: Points, log_b2: Floats, b3: Floats) -> None:
    """Keep steepness and midpoint, in place, where `s` still has digits."""
    np.clip(log_b2, np.log(SHALLOWEST), np.log(STEEPEST), out=log_b2)
    reach = REACH * np.exp(-log_b2)
    np.clip(b3, points.low - reach, points.high + reach, out=b3)


def _held(
    points: Points, log_b2: Floats, b3: Floats, gradient: Floats, hessian: Floats
) -> tuple[Floats, Floats]:
    """Gradient and Hessian in which a variable that leans on its bound has no part."""
    reach = REACH * np.exp(-log_b2)
    at_low = np.stack([log_b2 <= np.log(SHALLOWEST), b3 <= points.low - reach], axis=1)
    at_high = np.stack([log_b2 >= np.log(STEEPEST), b3 >= points.high + reach], axis=1)
    held = (at_low & (gradient > 0)) | (at_high & (gradient < 0))
    if not held.any():
        return gradient, hessian
    apart = hessian * np.eye(2)
    return (
        np.where(held, 0.0, gradient),
        np.where(held[:, :1, None] | held[:, 1:, None], apart, hessian),
    )


def derivatives(
    points: Points, log_b2: Floats, b3: Floats, sloped: Bools
) -> tuple[Floats, Floats, Floats]:
    """Squared error `[m]`, and the gradient `[m, 2]` and Hessian `[m, 2, 2]` of half of it.

    The two variables are log b2 and the midpoint in units of 1/b2.
    """
    w = np.exp(log_b2)[:, None] * (points.u - b3[:, None])
    # s, its first derivatives by the two variables, and its second ones (11, 12, 22).
    waves = np.empty((w.shape[0], 6, w.shape[1]))
    s, s1, s2, s11, s12, s22 = (waves[:, place] for place in range(6))
    np.tanh(0.5 * w, out=s)
    s *= 0.5
    np.subtract(s * s, 0.25, out=s2)
    np.multiply(s2, -w, out=s1)
    np.multiply(s, s2, out=s22)
    s22 *= 2.0
    np.subtract(s2, s22 * w, out=s12)
    np.multiply(s12, -w, out=s11)
    if points.root is not None:
        waves *= points.root
    first = waves[:, :3]
    along = first @ points.columns
    along[:, :, 1] *= sloped[:, None]
    level = first - along @ points.columns.T
    products = level @ level.transpose(0, 2, 1)
    v = points.flat[sloped.astype(np.int64)]
    qq = products[:, 0, 0]
    lost = _lost(first[:, 0], qq)
    scale = np.where(lost, 0.0, 1.0 / np.where(lost, 1.0, qq))
    b1 = np.einsum("ij,ij->i", level[:, 0], v) * scale
    residual = v - b1[:, None] * level[:, 0]
    rss = np.einsum("ij,ij->i", residual, residual)
    r = (waves[:, 1:] @ residual[:, :, None])[:, :, 0]
    cross = b1[:, None] * products[:, 0, 1:] - r[:, :2]
    bend = r[:, [2, 3, 3, 4]].reshape(-1, 2, 2)
    hessian = (
        (b1 * b1)[:, None, None] * products[:, 1:, 1:]
        - b1[:, None, None] * bend
        - cross[:, :, None] * cross[:, None, :] * scale[:, None, None]
    )
    return rss, -b1[:, None] * r[:, :2], hessian


def _lost(s: Floats, qq: Floats) -> Bools:
    """Where nothing but rounding is left of `s` beside a constant and a line."""
    return np.asarray(qq <= 1e-22 * np.einsum("ij,ij->i", s, s))


def _newton(gradient: Floats, hessian: Floats, damping: Floats) -> Floats:
    """A descent step `[m, 2]`, never long.

    Negative curvatures are turned round, so that the step leaves a saddle instead of seeking it,
    and made small, since it goes on downhill there. The two curvatures often differ by a factor
    of a million, so that damping raises each by its own share.
    """
    curvature, axes = np.linalg.eigh(hessian)
    curvature = np.maximum(curvature, -0.2 * curvature)
    curvature = curvature * (1.0 + damping)[:, None] + 1e-300
    along = (axes.transpose(0, 2, 1) @ gradient[:, :, None]) / curvature[:, :, None]
    step = -(axes @ along)[:, :, 0]
    longest = np.maximum(np.abs(step[:, 0]), np.abs(step[:, 1]) / 3.0)
    return np.asarray(step / np.maximum(longest, 1.0)[:, None])
