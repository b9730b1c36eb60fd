"""Norms by the Gram form against the norms of gradients that autograd formed in float64."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from benchbench.gradients import gram
from benchbench.probes import Gradient
from benchbench.signals import Reactor
from tests.gradients.autograd_oracle import Squares, loop_gradients, relative_error

LAYERS = {
    "3 by 3": (nn.Conv2d(8, 6, 3, padding=1), (8, 5, 7)),
    "stride, dilation, no padding": (nn.Conv2d(8, 6, 3, 2, 0, 2), (8, 9, 8)),
    "uneven kernel": (nn.Conv2d(8, 6, (3, 2), (1, 3), (2, 1)), (8, 5, 6)),
    "groups": (nn.Conv2d(8, 12, 3, 2, 1, groups=4), (8, 5, 5)),
    "depthwise": (nn.Conv2d(8, 8, 3, padding=1, groups=8), (8, 4, 4)),
    "pointwise": (nn.Conv2d(8, 6, 1), (8, 4, 4)),
    "pointwise with a stride": (nn.Conv2d(8, 6, 1, 2, groups=2), (8, 5, 4)),
    "same": (nn.Conv2d(8, 6, 3, padding="same"), (8, 5, 5)),
    "same, more on one side": (nn.Conv2d(8, 6, (4, 3), padding="same"), (8, 5, 5)),
    "one axis": (nn.Conv1d(8, 6, 3, 2, 1), (8, 9)),
    "three axes": (nn.Conv3d(4, 6, 2, padding=1), (4, 3, 4, 2)),
    "tokens": (nn.Linear(8, 6), (5, 8)),
    "map of tokens": (nn.Linear(8, 6, bias=False), (2, 3, 8)),
}


@pytest.mark.parametrize("images", [1, 3])
@pytest.mark.parametrize("name", LAYERS)
def test_norms_without_gradients(name, images, monkeypatch) -> None:
    monkeypatch.setattr(gram, "PRICE", 0)
    layer, shape = LAYERS[name]
    model = nn.Sequential(copy.deepcopy(layer)).eval()
    inputs = torch.randn(images, *shape, generator=torch.Generator().manual_seed(1))
    formed = count_formed(monkeypatch)
    probes = [Gradient("0", "any", reduce) for reduce in ("filter", "norm")]
    signals = Reactor(Squares(), model, probes)(inputs)
    rows, norm = (signals[probe] for probe in probes)
    assert not formed
    true = loop_gradients(Squares(), model.double(), inputs.double(), "any", [("0", "weight")])
    by_unit = true["0", "weight"].flatten(2).norm(dim=2)
    assert rows.dtype == norm.dtype == torch.float32
    assert relative_error(rows.double(), by_unit) < 1e-6
    assert torch.allclose(norm.double(), by_unit.norm(dim=1), rtol=1e-6)


def count_formed(monkeypatch) -> list[str]:
    """Gradients that are formed from here on leave their parameter's kind in the list."""
    formed: list[str] = []
    original = gram.Call.gradients

    def counted(self, of, grad, images):
        formed.append(of)
        return original(self, of, grad, images)

    monkeypatch.setattr(gram.Call, "gradients", counted)
    return formed


@pytest.mark.parametrize(
    "probes",
    [
        [Gradient("0", "any", "full")],
        [Gradient("0", "any", "filter"), Gradient("0", "any", "sketch", width=4)],
        [Gradient("0", "any", "filter", 1)],
        [Gradient("0", "any", "norm", of="bias")],
    ],
)
def test_whatever_needs_the_gradient_forms_it(probes, monkeypatch) -> None:
    monkeypatch.setattr(gram, "PRICE", 0)
    formed = count_formed(monkeypatch)
    Reactor(Squares(), nn.Sequential(nn.Conv2d(4, 3, 3)).eval(), probes)(torch.rand(2, 4, 5, 5))
    assert formed == [probes[0].of]


@pytest.mark.parametrize(
    ("layer", "inputs"),
    [
        (nn.Conv2d(4, 3, 3).double(), torch.rand(2, 4, 5, 5, dtype=torch.float64)),
        (nn.ConvTranspose2d(4, 3, 3), torch.rand(2, 4, 5, 5)),
        (nn.LayerNorm(4), torch.rand(2, 5, 4)),
        (nn.Linear(4, 3), torch.rand(2, 4)),
    ],
)
def test_where_the_form_does_not_hold_or_pay(layer, inputs, monkeypatch) -> None:
    """In float64 it could lose digits that were asked for; a single token needs no sum."""
    monkeypatch.setattr(gram, "PRICE", 0)
    formed = count_formed(monkeypatch)
    model = nn.Sequential(layer).eval()
    Reactor(Squares(), model, [Gradient("0", "any", "filter")])(inputs)
    assert formed == ["weight"]


def test_a_layer_used_twice_forms_its_gradients(monkeypatch) -> None:
    """The norm of a sum is no sum of norms."""
    monkeypatch.setattr(gram, "PRICE", 0)
    formed = count_formed(monkeypatch)
    layer = nn.Conv2d(4, 4, 3, padding=1)
    model = nn.Sequential(layer, nn.Tanh(), layer).eval()
    Reactor(Squares(), model, [Gradient("0", "any", "filter")])(torch.rand(2, 4, 5, 5))
    assert len(formed) == 2


def test_gradients_that_cancel_are_as_exact_as_if_they_were_formed(monkeypatch) -> None:
    """The same pixels everywhere, and gradients that sum to nothing over them: what is left is
    rounding, measured against the size of the terms."""
    monkeypatch.setattr(gram, "PRICE", 0)
    draw = torch.Generator().manual_seed(0)
    x = torch.rand(2, 64, 1, 1, generator=draw).expand(2, 64, 7, 7).contiguous()
    grad = torch.randn(2, 256, 7, 7, generator=draw)
    grad -= grad.mean((2, 3), keepdim=True)
    options = {"stride": [1, 1], "padding": [0, 0], "dilation": [1, 1], "groups": 1}
    call = gram.Call("conv", x, 0, torch.zeros(256, 64, 1, 1), {**options, "transposed": False})
    found = torch.cat([part.values for _, part in gram.unit_norms(call, grad, 2) or ()])
    formed = grad.double().flatten(2) @ x.double().flatten(2).transpose(1, 2)
    terms = grad.flatten(2).abs().sum(2) * x[:, :, 0, 0].norm(dim=1, keepdim=True)
    assert ((found - formed.norm(dim=2)).abs() / terms).max() < 6e-8  # float32's own


def test_it_pays_in_late_layers_alone() -> None:
    """The convolutions of ResNet-18 at 224 pixels, and linear layers of vision transformers."""
    assert gram.cheaper(512, 512, 49, window=9)
    assert gram.cheaper(256, 256, 196, window=9)
    assert gram.cheaper(256, 512, 49, pixels=196, window=9)
    assert not gram.cheaper(128, 128, 784, window=9)
    assert not gram.cheaper(64, 64, 3136, window=9)
    assert not gram.cheaper(3, 64, 12544, pixels=50176, window=49)
    assert gram.cheaper(768, 3072, 50)
    assert not gram.cheaper(768, 3072, 197)
    assert not gram.cheaper(1, 1, 49, window=9)
