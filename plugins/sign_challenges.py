"""The dataset ``gtsrb-challenges``: a stand-in for CURE-TSR where that set is absent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchbench import Component, WrappedDataset, dataset, hookimpl

if TYPE_CHECKING:
    import pandas as pd

EXPOSED = "cure-tsr-gaussian-blur"
CHALLENGES = tuple(
    f"cure-tsr-{name}"
    for name in (
        "decolorization", "lens-blur", "codec-error", "darkening", "dirty-lens", "exposure",
        "gaussian-blur", "noise", "rain", "shadow", "snow", "haze",
    )
)  # fmt: skip


class SignChallenges(WrappedDataset):
    """``gtsrb-challenges``: German traffic signs, clean and under the twelve CURE-TSR-style
    challenges of ``distorted`` at five levels, split 60/20/20 by track. Of the training and
    validation signs there are, beside the clean ones, those with Gaussian blur of level 1 alone,
    which is all that the protocol of Kwon et al. 2019 asks for.

    It is no CURE-TSR: other signs, other cameras, challenges made here.
    """

    name = "gtsrb-challenges"
    version = "2"
    summary = "GTSRB signs under CURE-TSR-style challenges: a stand-in for CURE-TSR"
    size = "model"

    def __init__(self, source: str = "gtsrb", levels: str = "1-5", seed: int = 0) -> None:
        super().__init__(dataset(
            f"distorted[source=parts[source={source},seed={seed}],with={'+'.join(CHALLENGES)},"
            f"levels={levels},clean=true,seed={seed}]"
        ))
        self.notes = (
            "a stand-in for CURE-TSR, not CURE-TSR: GTSRB signs distorted by benchbench",
            "the challenges are CURE-TSR-style: its makers' generators are not public",
        )

    def table(self) -> pd.DataFrame:
        table = self.whole.table()
        shown = (table["distortion"] == EXPOSED) & (table["level"] == 1)
        kept = (table["split"] == "test") | ~table["outlier"] | shown
        return table[kept].reset_index(drop=True)


@hookimpl
def benchbench_datasets() -> list[Component]:
    return [
        Component(SignChallenges.name, f"{__name__}:{SignChallenges.__name__}",
                  SignChallenges.summary)
    ]  # fmt: skip
