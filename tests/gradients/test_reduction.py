"""Reductions against their definitions; the sketch against what it promises."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from benchbench.gradients import sketch
from benchbench.probes import Gradient
from benchbench.signals import Reactor
from tests.gradients.autograd_oracle import Squares


def _signals(model: nn.Module, inputs: torch.Tensor, *probes: Gradient):
    torch.manual_seed(0)
    return Reactor(Squares(), model.double(), probes)(inputs.double())


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize(
    ("layer", "shape", "unit"),
    [
        (nn.Conv2d(4, 6, 3, groups=2), (5, 4, 8, 8), lambda g: g.flatten(2)),
        (nn.Linear(4, 6), (5, 4), lambda g: g),
        (nn.Linear(4, 6), (5, 3, 4), lambda g: g),
        (nn.LayerNorm(4), (5, 3, 4), lambda g: g.unsqueeze(2)),
        (
            nn.ConvTranspose2d(4, 6, 3),
            (5, 4, 8, 8),
            lambda g: g.transpose(1, 2).flatten(2),
        ),
        (
            nn.ConvTranspose2d(4, 6, 3, groups=2),
            (5, 4, 8, 8),
            lambda g: torch.cat([half.transpose(1, 2) for half in g.chunk(2, 1)], 1).flatten(2),
        ),
    ],
)
def test_norms_are_those_of_the_full_gradient(order, layer, shape, unit) -> None:
    full = Gradient("0", "any")
    norm, each = Gradient("0", "any", "norm", order), Gradient("0", "any", "filter", order)
    signals = _signals(nn.Sequential(layer), torch.randn(*shape), full, norm, each)
    gradients = signals[full]
    expected = torch.stack([torch.linalg.vector_norm(g, order) for g in gradients])
    assert torch.allclose(signals[norm], expected, rtol=1e-12)
    units = torch.linalg.vector_norm(unit(gradients), order, 2)
    assert torch.allclose(signals[each], units, rtol=1e-12)


@pytest.mark.parametrize("layer", [nn.Linear(9, 11), nn.Conv2d(3, 5, 3)])
def test_a_sketch_in_the_hook_is_the_sketch_of_the_full_gradient(layer) -> None:
    shape = (4, 9) if isinstance(layer, nn.Linear) else (4, 3, 6, 6)
    full, short = Gradient("0", "any"), Gradient("0", "any", "sketch", width=16, seed=3)
    signals = _signals(nn.Sequential(layer), torch.randn(*shape), full, short)
    assert torch.allclose(signals[short], sketch(signals[full].flatten(1), 16, 3), rtol=1e-12)


def test_a_sketch_preserves_inner_products_within_its_stated_variance() -> None:
    torch.manual_seed(0)
    g, h = torch.randn(2, 500, dtype=torch.float64)
    h = h + g / 2
    width, draws = 32, 4000
    found = []
    for seed in range(draws):
        a, b = sketch(torch.stack([g, h]), width, seed)
        found.append(a @ b)
    products = torch.stack(found)
    bound = (g.square().sum() * h.square().sum() + (g @ h) ** 2) / width
    assert abs(products.mean() - g @ h) < 4 * (bound / draws).sqrt()
    assert products.var() < 1.1 * bound
    assert products.var() > 0.5 * bound  # a projection, not a copy


def test_a_sketch_wider_than_the_gradient_is_exact() -> None:
    rows = torch.randn(3, 20, dtype=torch.float64)
    short = sketch(rows, 64, 0)
    assert short.shape == (3, 64)
    assert torch.allclose(short @ short.T, rows @ rows.T, rtol=1e-12)


def test_a_sketch_is_linear_and_differs_by_seed() -> None:
    rows = torch.randn(2, 100, dtype=torch.float64)
    a, b = sketch(rows, 8, 0)
    assert torch.allclose(sketch(rows.sum(0, keepdim=True), 8, 0)[0], a + b)
    assert not torch.allclose(sketch(rows, 8, 1)[0], a)
    assert torch.equal(sketch(rows, 8, 0)[0], a)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("inputs", [1200, 1024, 2100])
def test_the_norm_of_a_million_numbers_is_exact_in_float32(order, inputs) -> None:
    """Summed one after the other they would be off by up to 3e-4."""
    torch.manual_seed(0)
    full = Gradient("0", "any")
    norm, each = Gradient("0", "any", "norm", order), Gradient("0", "any", "filter", order)
    model = nn.Sequential(nn.Linear(inputs, 1000)).eval()
    signals = Reactor(Squares(), model, [full, norm, each])(torch.randn(1, 2, inputs))
    true = torch.linalg.vector_norm(signals[full].double(), order, 2)
    assert torch.allclose(signals[each].double(), true, rtol=2e-6)
    whole = torch.linalg.vector_norm(true, order, 1)
    assert torch.allclose(signals[norm].double(), whole, rtol=2e-6)
