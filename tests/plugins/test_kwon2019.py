"""UNIQUE, MS-UNIQUE and Kwon et al.'s gradient against the NumPy port and their golden values."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from benchbench_plugins.kwon2019 import (
    KwonGradient,
    MsUniqueScore,
    UniqueScore,
    centred_ranks,
    compare,
    kurtosis,
    unit_weights,
)
from benchbench_plugins.unique.backbone import Unique
from benchbench_plugins.unique.multi import WIDTHS, MsUnique
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from scipy.stats import kurtosis as scipy_kurtosis
from scipy.stats import rankdata, spearmanr

from benchbench import (
    Backbone,
    DataError,
    Extractor,
    Gradient,
    OfReference,
    Probe,
    UsageError,
    backbone,
)
from benchbench.describe import describe
from benchbench.signals import Reactor
from benchbench.testing import assert_conforms, check_extractor
from tests.plugins import unique_port as port

ZERO, ONE = torch.zeros(1, 3, 1, 1), torch.ones(1, 3, 1, 1)
GRADIENT = Gradient("decoder", "reconstruction", "full")


class Bench:
    """Scores pairs of images through the reactor that a sweep uses."""

    def __init__(self, part: Backbone) -> None:
        self.part, self.model, self.facts = part, part.build(), describe(part)

    def score(
        self, extractor: Extractor, references: list[np.ndarray], images: list[np.ndarray]
    ) -> list[float]:
        probes = extractor.probes(self.facts)
        assert extractor.shape(self.facts) == ()
        own = [probe for probe in probes if not isinstance(probe, OfReference)]
        inner = [probe.probe for probe in probes if isinstance(probe, OfReference)]
        signals: dict[Probe, Any] = dict(self._react(own, images))
        for probe, rows in self._react(inner, references).items():
            shared = len(references) == 1
            aligned = rows.expand(len(images), *rows.shape[1:]) if shared else rows
            signals[OfReference(probe)] = aligned
        return [float(value) for value in extractor.extract(signals)]

    def _react(self, probes: list[Probe], images: list[np.ndarray]) -> Mapping[Probe, Any]:
        batch = torch.stack([torch.tensor(image).permute(2, 0, 1) for image in images])
        signals = Reactor(self.part, self.model, probes)(self.part.prepare(batch, ZERO, ONE))
        return {probe: signals[probe] for probe in probes}


def read(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


@pytest.fixture(scope="module")
def weights(shared_data: Path) -> Path:
    return shared_data / "weights" / "unique"


@pytest.fixture(scope="module")
def bench(weights: Path) -> Bench:
    return Bench(Unique(weights=weights / "ImageNet_Weights_YGCr.mat"))


@pytest.fixture(scope="module")
def theirs(weights: Path) -> port.Weights:
    return port.Weights.load(str(weights / "ImageNet_Weights_YGCr.mat"))


@pytest.fixture(scope="module")
def live(shared_data: Path) -> list[tuple[np.ndarray, np.ndarray, float]]:
    """Reference, image and DMOS of the 38 images of the LIVE subset."""
    folder = shared_data / "live"
    with (folder / "labels.csv").open(newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["reference"])
    references = {name: read(folder / name) for name in {row["reference"] for row in rows}}
    return [
        (references[row["reference"]], read(folder / row["image"]), float(row["dmos"]))
        for row in rows
    ]


@pytest.fixture(scope="module")
def demo(shared_data: Path) -> tuple[np.ndarray, np.ndarray]:
    folder = shared_data / "unique_demo"
    return read(folder / "reference.bmp"), read(folder / "distorted.bmp")


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_golden_values_of_the_demo_pair(
    bench: Bench, demo: tuple[np.ndarray, np.ndarray], theirs: port.Weights
) -> None:
    reference, distorted = demo
    pair = [reference, reference], [reference, distorted]
    gradient = bench.score(KwonGradient(), *pair)
    activation = bench.score(UniqueScore(), *pair)
    assert gradient == pytest.approx([1.0, 0.9456], abs=0.002)
    assert activation == pytest.approx([1.0, 0.6714], abs=0.002)
    assert gradient[0] == pytest.approx(1, abs=1e-6)
    assert activation[0] == pytest.approx(1, abs=1e-6)
    columns = [port.whiten(port.patches(picture)) for picture in demo]
    expected = port.gradient_score(port.gradient(theirs, columns[0]), *columns)
    assert gradient[1] == pytest.approx(expected, abs=1e-4)
    assert activation[1] == pytest.approx(port.activation_score(theirs, *columns), abs=1e-4)


def test_blocks_and_power(bench: Bench, demo: tuple[np.ndarray, np.ndarray]) -> None:
    """methods: Spearman .9767 inside the magnitudes, .9878 inside the angles, .99442 together."""
    pair = [demo[0]], [demo[1]]
    found = [bench.score(KwonGradient(block=block, power=1), *pair)[0]
             for block in ("magnitude", "phase", "both")]  # fmt: skip
    assert found == pytest.approx([0.9767, 0.9878, 0.99442], abs=2e-4)


def test_148_of_400_units_weigh_double(
    bench: Bench, demo: tuple[np.ndarray, np.ndarray], theirs: port.Weights
) -> None:
    gradient = bench._react([GRADIENT], [demo[0]])[GRADIENT][0]
    weighed = unit_weights(gradient).numpy()
    assert int((weighed == 2).sum()) == 148
    expected = port.unit_weights(port.gradient(theirs, port.whiten(port.patches(demo[0]))))
    np.testing.assert_array_equal(weighed, expected)


def test_golden_correlations_of_the_live_subset(
    bench: Bench, live: list[tuple[np.ndarray, np.ndarray, float]]
) -> None:
    assert len(live) == 38
    quality = [-dmos for _, _, dmos in live]
    expected = {"gradient": (KwonGradient(), 0.889), "activation": (UniqueScore(), 0.975)}
    for extractor, golden in expected.values():
        scores: list[float] = []
        for reference in dict.fromkeys(map(id, [row[0] for row in live])):
            rows = [row for row in live if id(row[0]) == reference]
            scores += bench.score(extractor, [rows[0][0]], [image for _, image, _ in rows])
        assert spearmanr(scores, quality).statistic == pytest.approx(golden, abs=0.005)


def test_a_batch_of_several_references_scores_as_each_pair_alone(bench: Bench) -> None:
    pictures = [noise(48, 64, seed) for seed in range(4)]
    references = [pictures[0], pictures[0], pictures[1], pictures[0]]
    images = [pictures[2], pictures[0], pictures[3], pictures[3]]
    for extractor in (KwonGradient(), KwonGradient(compare="gradients"), UniqueScore()):
        together = bench.score(extractor, references, images)
        alone = [bench.score(extractor, [r], [x])[0]
                 for r, x in zip(references, images, strict=True)]  # fmt: skip
        assert together == pytest.approx(alone, abs=1e-5)
        assert together[1] == pytest.approx(1, abs=1e-6)


def test_gradients_compared_are_spearman_of_their_entries(
    bench: Bench, demo: tuple[np.ndarray, np.ndarray], theirs: port.Weights
) -> None:
    both = [port.gradient(theirs, port.whiten(port.patches(picture))).ravel() for picture in demo]
    found = bench.score(KwonGradient(compare="gradients", power=2), [demo[0]], [demo[1]])
    assert found[0] == pytest.approx(abs(spearmanr(*both).statistic) ** 2, abs=1e-4)


def test_ms_unique_equals_the_port(
    weights: Path, demo: tuple[np.ndarray, np.ndarray]
) -> None:
    paths = {units: weights / f"ImageNet_Weights_YGCr_{units}x192.mat" for units in WIDTHS}
    paths[400] = weights / "ImageNet_Weights_YGCr.mat"
    bench = Bench(MsUnique(**{f"w{units}": path for units, path in paths.items()}))
    columns = [port.whiten(port.patches(picture)) for picture in demo]
    features: list[list[np.ndarray]] = [[], []]
    for path in paths.values():
        each = port.Weights.load(str(path))
        luma = each.encoder[:, :64] - each.encoder[:, :64].mean()
        peak = scipy_kurtosis(luma / np.abs(luma).max(0), axis=1, fisher=False, bias=False)
        factor = np.where(peak > 5, 2.0, np.where(peak < 2, 0.5, 1.0))
        for side, patches in enumerate(columns):
            features[side].append((port.hidden(each, patches) * factor[:, None]).ravel())
    expected = port._score(*(np.concatenate(side) for side in features))
    found = bench.score(MsUniqueScore(), [demo[0], demo[0]], [demo[1], demo[0]])
    assert found == pytest.approx([expected, 1.0], abs=1e-4)
    assert bench.facts.outputs["latent"] == (sum(WIDTHS),)


@given(
    hnp.arrays(
        np.float32, st.integers(1, 60),
        elements=st.floats(-1e3, 1e3, width=32)
        | st.sampled_from([0.0, -0.0, 1.0, np.inf, -np.inf]),
    )
)
def test_ranks_are_those_of_scipy(values: np.ndarray) -> None:
    expected = rankdata(values)
    ours = centred_ranks(torch.from_numpy(values)).numpy()
    np.testing.assert_allclose(ours, expected - expected.mean(), atol=1e-9)


def test_kurtosis_is_that_of_scipy() -> None:
    rows = np.random.default_rng(0).standard_normal((5, 64)) ** 3
    expected = scipy_kurtosis(rows, axis=1, fisher=False, bias=False)
    np.testing.assert_allclose(kurtosis(torch.from_numpy(rows)).numpy(), expected)


def test_features_without_an_order() -> None:
    flat, other = torch.zeros(1, 2, 3), torch.arange(6.0).reshape(1, 2, 3)
    assert compare(flat, flat, torch.flatten, 10).tolist() == [1.0]
    assert compare(flat, other, torch.flatten, 10).tolist() == [0.0]


def test_what_cannot_be_is_said(bench: Bench) -> None:
    with pytest.raises(DataError, match=r"12 patches and its reference 6"):
        bench.score(UniqueScore(), [noise(32, 48)], [noise(64, 48)])
    with pytest.raises(DataError, match="not a number"):
        centred_ranks(torch.tensor([1.0, float("nan")]))
    with pytest.raises(DataError, match="not a number"):
        centred_ranks(-torch.tensor([1.0, float("nan")]))
    with pytest.raises(UsageError, match=r"power=0\]: expected"):
        UniqueScore(power=0)
    with pytest.raises(UsageError, match="have no blocks"):
        KwonGradient(compare="gradients", block="phase")
    with pytest.raises(UsageError, match=r"w121 is missing; give all five"):
        MsUnique(w81=Path("a.mat"))
    facts = describe(backbone("autoencoder[epochs=1]"))
    for extractor in (UniqueScore(), KwonGradient()):
        with pytest.raises(UsageError, match="--backbone unique"):
            extractor.probes(facts)
    with pytest.raises(UsageError, match="--backbone ms-unique"):
        MsUniqueScore().probes(bench.facts)


@pytest.mark.parametrize("extractor", [KwonGradient, UniqueScore])
def test_conforms(extractor: type[Extractor]) -> None:
    assert_conforms(check_extractor(extractor, backbone=Unique(units=12, patches=700)))


def test_ms_unique_trained_here_says_so(store: Path) -> None:
    from benchbench_plugins.unique import multi

    small = MsUnique(patches=200)
    small.parts = [Unique(units=units, patches=200) for units in (5, 6)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(multi, "WIDTHS", (5, 6))
        facts = describe(small)
    assert facts.weights.startswith("recipe:")
    assert facts.fitted_on == ("photographs",)
    assert facts.outputs["latent"] == (11,)
