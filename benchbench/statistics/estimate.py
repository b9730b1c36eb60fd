"""The value of one statistic, or the reason why it has none."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """One statistic.

    `value` is None where the statistic is undefined; `note` then says why. `ci95` is a 95 %
    interval (low, high). `reliable` is False for an interval made from fewer than 20 groups.
    """

    value: float | None
    note: str | None = None
    ci95: tuple[float, float] | None = None
    reliable: bool = True

    @property
    def defined(self) -> bool:
        """Whether there is a value."""
        return self.value is not None


def undefined(reason: str) -> Estimate:
    """An estimate without a value, noted as `undefined: <reason>`."""
    return Estimate(None, f"undefined: {reason}")
