"""Single layers, of any shape, against a per-image autograd loop."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.parametrizations import weight_norm
from torch.utils.checkpoint import checkpoint

from benchbench.errors import UsageError
from benchbench.gradients.factors import conv_form
from benchbench.probes import Gradient
from benchbench.signals import Reactor
from tests.gradients.autograd_oracle import Squares, worst


def _exact(model: nn.Module, *shape: int, notes: int = 0) -> None:
    torch.manual_seed(1)
    model = model.eval().double()
    for parameter in model.parameters():
        nn.init.normal_(parameter)
    inputs = torch.randn(*shape, dtype=torch.float64)
    error, where, said = worst(Squares(), model, inputs)
    assert error <= 1e-10, where
    assert len(said) == notes, said


@settings(max_examples=60, deadline=None)
@given(
    dims=st.sampled_from([1, 2]),
    groups=st.sampled_from([1, 2, 3]),
    inside=st.integers(1, 2),
    outside=st.integers(1, 3),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 2),
    padding=st.one_of(st.integers(0, 2), st.sampled_from(["same", "valid"])),
    mode=st.sampled_from(["zeros", "circular", "reflect"]),
    images=st.integers(1, 3),
)
def test_convolutions(
    dims, groups, inside, outside, kernel, stride, dilation, padding, mode, images
) -> None:
    stride = 1 if padding == "same" else stride
    layer = (nn.Conv1d, nn.Conv2d)[dims - 1](
        groups * inside,
        groups * outside,
        kernel,
        stride,
        padding,
        dilation,
        groups,
        padding_mode=mode,
    )
    _exact(layer, images, groups * inside, *(9, 11)[:dims])


@settings(max_examples=40, deadline=None)
@given(
    dims=st.sampled_from([1, 2]),
    groups=st.sampled_from([1, 2]),
    inside=st.integers(1, 2),
    outside=st.integers(1, 2),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 2),
    padding=st.integers(0, 1),
    images=st.integers(1, 3),
)
def test_transposed_convolutions(
    dims, groups, inside, outside, kernel, stride, dilation, padding, images
) -> None:
    layer = (nn.ConvTranspose1d, nn.ConvTranspose2d)[dims - 1](
        groups * inside,
        groups * outside,
        kernel,
        stride,
        padding,
        output_padding=min(1, stride - 1),
        groups=groups,
        dilation=dilation,
    )
    _exact(layer, images, groups * inside, *(6, 5)[:dims])


@pytest.mark.parametrize("form", ["matmul", "loop", "grouped"])
@pytest.mark.parametrize("groups", [1, 2])
def test_every_form_of_a_pointwise_convolution_agrees(form, groups, monkeypatch) -> None:
    if form == "matmul" and groups == 2:
        return
    monkeypatch.setattr("benchbench.gradients.factors.conv_form", lambda weight, options: form)
    _exact(nn.Conv2d(4, 6, 1, groups=groups), 5, 4, 7, 3)


@pytest.mark.parametrize("transposed", [False, True])
def test_the_grouped_form(transposed, monkeypatch) -> None:
    monkeypatch.setattr("benchbench.gradients.factors.conv_form", lambda weight, options: "grouped")
    monkeypatch.setattr("benchbench.gradients.factors.CHUNK", 200)
    kind = nn.ConvTranspose2d if transposed else nn.Conv2d
    _exact(kind(4, 6, 3, 2, 1, groups=2), 5, 4, 7, 9)


def test_forms_by_device_and_shape() -> None:
    plain = {"groups": 1, "transposed": False, "padding": [0, 0], "stride": [1, 1]}
    assert conv_form(torch.empty(8, 4, 1, 1), plain) == "matmul"
    assert conv_form(torch.empty(8, 4, 3, 3), plain) == "loop"
    assert conv_form(torch.empty(8, 4, 1, 1), {**plain, "stride": [2, 2]}) == "loop"
    assert conv_form(torch.empty(8, 4, 3, 3, device="meta"), plain) == "grouped"


@pytest.mark.parametrize("shape", [(4, 7), (4, 1, 7), (4, 3, 7), (4, 2, 3, 7), (1, 5, 7)])
def test_linear_with_any_number_of_token_axes(shape) -> None:
    _exact(nn.Linear(7, 5), *shape)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.LayerNorm(6), (3, 6)),
        (nn.LayerNorm(6), (3, 4, 5, 6)),
        (nn.LayerNorm((5, 6)), (3, 4, 5, 6)),
        (nn.BatchNorm1d(6), (3, 6)),
        (nn.BatchNorm1d(6), (3, 6, 4)),
        (nn.BatchNorm2d(6), (3, 6, 4, 5)),
        (nn.GroupNorm(2, 6), (3, 6, 4, 5)),
        (nn.InstanceNorm2d(6, affine=True), (3, 6, 4, 5)),
        (nn.RMSNorm(6), (3, 4, 6)),
    ],
)
def test_norms(layer, shape) -> None:
    _exact(layer, *shape)


def _rows(gradients: torch.Tensor, reduce: str) -> torch.Tensor:
    return gradients.flatten(1) if reduce == "norm" else gradients.reshape(*gradients.shape[:2], -1)


class Twice(nn.Module):
    """One layer, used twice in a forward pass, once with an in-place operation behind it."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(F.relu_(self.layer(x)) + x)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Linear(4, 4), (3, 4)),
        (nn.Linear(4, 4), (3, 5, 4)),
        (nn.Conv2d(4, 4, 3, padding=1), (3, 4, 6, 6)),
        (nn.LayerNorm(4), (3, 5, 4)),
    ],
)
@pytest.mark.parametrize("reduce", ["norm", "filter"])
def test_gradients_of_several_calls_are_summed_before_their_norm(layer, shape, reduce) -> None:
    _exact(Twice(layer), *shape)
    torch.manual_seed(0)
    model, inputs = Twice(layer).double(), torch.randn(*shape, dtype=torch.float64)
    full, reduced = Gradient("layer", "any"), Gradient("layer", "any", reduce)
    signals = Reactor(Squares(), model, [full, reduced])(inputs)
    rows = _rows(signals[full], reduce)
    assert torch.allclose(signals[reduced], rows.norm(dim=-1), rtol=1e-12)


class InPlaceAfterViews(nn.Module):
    """A linear layer's output is a view inside autograd; in-place operations follow on it, on a
    view of it, and on its residual."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = nn.Linear(4, 6), nn.Linear(6, 6), nn.Linear(6, 2)

    def forward(self, x):
        a = self.first(x)
        a.mul_(2)
        a[:, :1].mul_(3)
        b = self.second(a)
        b += a
        b.view(-1, 6).sigmoid_()
        return self.third(b).transpose(1, 2).relu_()


def test_in_place_operations_and_views_may_follow() -> None:
    _exact(InPlaceAfterViews(), 3, 5, 4)


class SpoiltInput(nn.Module):
    """The first layer's input is changed after its use, where autograd itself does not mind."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x):
        x = x * 1
        y = self.first(x)
        x.add_(1)
        return self.head(y + x)


def test_an_input_changed_in_place_is_never_used() -> None:
    """Autograd refuses such a gradient too, so that the probe fails and no other does."""
    model, inputs = SpoiltInput(), torch.randn(3, 4)
    spoilt, sound = Gradient("first", "any"), Gradient("head", "any")
    signals = Reactor(Squares(), model, [spoilt, sound])(inputs)
    assert "changed in place" in next(iter(signals.notes))
    with pytest.raises(RuntimeError, match="inplace operation"):
        signals[spoilt]
    assert signals[sound].shape == (3, 3, 4)


class Checkpointed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 4))
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        return self.head(checkpoint(self.block, x, use_reentrant=False) + x)


def test_checkpointed_blocks() -> None:
    _exact(Checkpointed(), 3, 5, 4)


class Tied(nn.Module):
    """An autoencoder whose decoder is its encoder's transpose."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(6, 3)

    def forward(self, x):
        return F.linear(torch.sigmoid(self.encoder(x)), self.encoder.weight.t())


def test_a_weight_that_is_used_in_another_form_too_goes_through_the_loop() -> None:
    model = Tied()
    _exact(model, 4, 6, notes=1)


def test_a_weight_shared_by_two_layers() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))
    model[2].weight = model[0].weight
    _exact(model, 3, 4)


class TimeFirst(nn.Module):
    """``[tokens, images, channels]`` inside: the first axis is not the images'."""

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.tokens = tokens
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
        mixed = x.expand(self.tokens, *x.shape) * torch.arange(1, self.tokens + 1).view(-1, 1, 1)
        return self.layer(mixed).square().mean(0)


@pytest.mark.parametrize("tokens", [3, 6, 5])
def test_another_axis_for_the_images_is_found_out(tokens) -> None:
    """With as many tokens as images, a multiple of them, and neither."""
    _exact(TimeFirst(tokens), 3, 4, notes=2)


def test_attention_that_hides_its_projections() -> None:
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
            self.head = nn.Linear(8, 2)

        def forward(self, x):
            return self.head(self.attention(x, x, x, need_weights=False)[0])

    model = Attention()
    torch.manual_seed(0)
    inputs = torch.randn(2, 3, 8, dtype=torch.float64)
    wanted = [("attention.out_proj", "weight"), ("head", "weight")]
    error, where, notes = worst(Squares(), model.eval().double(), inputs, wanted=wanted)
    assert error <= 1e-10, where
    assert len(notes) == 1 and "multi_head_attention_forward" in notes[0]


def test_a_parametrised_weight_is_the_one_in_use() -> None:
    """Of a weight-normalised layer the gradient is to the weight that the layer multiplies by."""
    torch.manual_seed(0)
    model = nn.Sequential(weight_norm(nn.Linear(4, 3))).double()
    inputs = torch.randn(5, 4, dtype=torch.float64)
    probe = Gradient("0", "any")
    signals = Reactor(Squares(), model, [probe])(inputs)
    plain = nn.Sequential(nn.Linear(4, 3)).double()
    plain[0].weight.data.copy_(model[0].weight)
    plain[0].bias.data.copy_(model[0].bias)
    same = Reactor(Squares(), plain, [probe])(inputs)
    assert torch.allclose(signals[probe], same[probe], rtol=1e-12)
    assert signals.notes == {}


def test_a_layer_that_the_loss_does_not_reach() -> None:
    class Aside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.cut, self.unused = (nn.Linear(4, 4) for _ in range(3))

        def forward(self, x):
            return self.used(x) + self.cut(x).detach()

    probes = [Gradient(name, "any", "norm") for name in ("used", "cut", "unused")]
    signals = Reactor(Squares(), Aside(), probes)(torch.randn(2, 4))
    assert signals[probes[0]].shape == (2,)
    for probe in probes[1:]:
        with pytest.raises(UsageError, match="does not depend on the weight"):
            signals[probe]


def test_under_autocast_the_gradients_are_near_those_of_float32() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(True), nn.Flatten(), nn.Linear(288, 4)
    )
    inputs = torch.randn(4, 3, 8, 8)
    probes = [Gradient(n, "any", r) for n in ("0", "1", "4") for r in ("full", "filter", "sketch")]
    exact = Reactor(Squares(), model, probes)(inputs)
    with torch.autocast("cpu", torch.bfloat16):
        coarse = Reactor(Squares(), model, probes)(inputs)
    for probe in probes:
        off = (coarse[probe].float() - exact[probe]).norm() / exact[probe].norm()
        assert 1e-7 < off < 0.05, probe
        assert coarse[probe].dtype == torch.float32
