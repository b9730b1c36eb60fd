"""One forward, one backward a loss, nothing left behind, and failures kept apart."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from benchbench.errors import UsageError
from benchbench.gradients.capture import Capture
from benchbench.interfaces import Backbone
from benchbench.probes import (
    Activation,
    Gradient,
    Images,
    Model,
    OfReference,
    Output,
    Pixels,
)
from benchbench.signals import Reactor


class Net(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(inplace=True),
            nn.Conv2d(4, 6, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(6, 5),
        )


class Counting(Backbone):
    name = "counting"
    gives = ("logits",)

    def __init__(self) -> None:
        self.forwards: list[int] = []

    def forward(self, model, inputs):
        self.forwards.append(len(inputs))
        return {"logits": model(inputs)}


class Operations(TorchDispatchMode):
    """Counts what reaches the device."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[str] = Counter()
        self.masks: list[list[bool]] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.seen[str(func)] += 1
        if func is torch.ops.aten.convolution_backward.default:
            self.masks.append(list(args[-1]))
        return func(*args, **(kwargs or {}))


def _batch(n: int = 4) -> torch.Tensor:
    return torch.rand(n, 3, 8, 8, generator=torch.Generator().manual_seed(0))


ALL = [
    Gradient("3", "uniform", "filter"),
    Gradient("3", "uniform", "norm", 1),
    Gradient("3", "uniform", "filter", of="bias"),
    Gradient("7", "energy", "sketch", width=8),
    Gradient("7", "pseudo-label"),
    Activation("3"),
    Activation("1", "avgstd"),
    Activation("0", "none"),
    Output("logits"),
    Images(),
    Pixels(),
    Model(),
]


def test_one_forward_a_batch_and_one_backward_a_loss(monkeypatch) -> None:
    backward: list[int] = []
    original = Capture.backward

    def counted(self, loss):
        backward.append(1)
        original(self, loss)

    monkeypatch.setattr(Capture, "backward", counted)
    backbone, images = Counting(), _batch()
    reactor = Reactor(backbone, Net(), ALL)
    for n in (4, 4, 3):
        signals = reactor(images[:n], pixels=(images[:n] * 255).byte())
        assert set(signals) == set(ALL) and len(signals) == len(ALL)
        assert all(signals[probe] is not None for probe in signals)
    assert backbone.forwards == [4, 4, 3]
    assert len(backward) == 3 * 3


def test_the_backward_reaches_no_further_than_the_earliest_layer() -> None:
    """Of two convolutions the second is asked for: its gradients image by image, weight only, and
    no gradient to its input, nor to anything before it. Nothing else computes a weight gradient."""
    with Operations() as operations:
        Reactor(Counting(), Net(), [Gradient("3", "uniform"), Gradient("7", "uniform")])(_batch())
    assert operations.masks == [[False, True, False]] * 4
    assert not any("batch_norm_backward" in name for name in operations.seen)
    assert operations.seen["aten.threshold_backward.default"] == 1


def test_from_the_first_layer_on_only_input_gradients_are_autograd_s() -> None:
    with Operations() as operations:
        Reactor(Counting(), Net(), [Gradient("0", "uniform")])(_batch())
    assert operations.masks[0] == [True, False, False]
    assert operations.masks[1:] == [[False, True, False]] * 4


def test_without_gradient_probes_nothing_is_recorded_for_a_backward() -> None:
    class Watching(Counting):
        def forward(self, model, inputs):
            assert not torch.is_grad_enabled()
            return super().forward(model, inputs)

    signals = Reactor(Watching(), Net(), [Activation("3"), Output("logits")])(_batch())
    assert not signals[Output("logits")].requires_grad


def test_no_signal_hangs_on_a_graph() -> None:
    signals = Reactor(Counting(), Net(), ALL)(_batch(), pixels=_batch())
    tensors = [value for value in signals.values() if isinstance(value, torch.Tensor)]
    assert len(tensors) == len(ALL) - 1
    assert not any(tensor.requires_grad for tensor in tensors)


def _state(model: nn.Module):
    return (
        [(name, p.requires_grad, p.grad) for name, p in model.named_parameters()],
        [(name, m.training, len(m._forward_hooks)) for name, m in model.named_modules()],
    )


class Breaks(Counting):
    """Raises in the forward pass, in a loss, or nowhere."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.where = where

    def forward(self, model, inputs):
        outputs = super().forward(model, inputs)
        if self.where == "forward":
            raise ValueError("broken forward")
        return outputs

    def loss(self, name, outputs, inputs, labels):
        if self.where == "loss" and name == "uniform":
            raise ValueError("broken loss")
        if self.where == "memory":
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().loss(name, outputs, inputs, labels)


@pytest.mark.parametrize("where", ["nowhere", "forward", "loss", "memory"])
def test_the_model_is_left_as_it_was_found(where) -> None:
    model = Net().train()
    model[1].eval()
    model[3].weight.requires_grad_(False)
    before = _state(model)
    statistics = model[1].running_mean.clone()
    reactor = Reactor(Breaks(where), model, ALL)
    if where in ("forward", "memory"):
        with pytest.raises((ValueError, torch.OutOfMemoryError)):
            reactor(_batch())
    else:
        reactor(_batch())
    assert _state(model) == before
    assert torch.equal(model[1].running_mean, statistics)


def test_a_model_in_train_mode_gives_what_it_gives_in_eval_mode() -> None:
    model = nn.Sequential(Net(), nn.Dropout(0.5))
    probe = Gradient("0.3", "uniform")
    train = Reactor(Counting(), model.train(), [probe])(_batch())[probe]
    assert torch.equal(train, Reactor(Counting(), model.eval(), [probe])(_batch())[probe])


def test_a_broken_loss_fails_its_own_probes_only() -> None:
    signals = Reactor(Breaks("loss"), Net(), ALL)(_batch(), pixels=_batch())
    for probe in ALL:
        if isinstance(probe, Gradient) and probe.loss == "uniform":
            with pytest.raises(ValueError, match="broken loss"):
                signals[probe]
        else:
            assert signals[probe] is not None


@pytest.mark.parametrize(
    ("probe", "message"),
    [
        (Gradient("layer9", "uniform"), "layer 'layer9'"),
        (Gradient("2", "uniform"), "has no weight"),
        (Gradient("3", "reconstruction"), "the backbone gives logits"),
        (Gradient("3", "label"), "the dataset has no labels"),
        (Gradient("3", "mistake"), "loss 'mistake': unknown"),
        (Gradient("3", "uniform", "sketch", width=0), "zero"),
        (Activation("layer9"), "layer 'layer9'"),
        (Output("logit"), "did you mean 'logits'"),
        (Pixels(), "gave no pixels"),
    ],
)
def test_a_probe_that_fails_fails_alone(probe, message) -> None:
    sound = [Gradient("3", "uniform"), Gradient("3", "uniform", "filter"), Activation("3")]
    backbone = Counting()
    signals = Reactor(backbone, Net(), [probe, *sound])(_batch())
    expected = Reactor(Counting(), Net(), sound)(_batch())
    assert backbone.forwards == [4]
    with pytest.raises(Exception, match=message):
        signals[probe]
    for other in sound:
        assert signals[other].shape == expected[other].shape


def test_a_forward_that_cannot_be_differentiated_leaves_the_other_signals() -> None:
    class Numpy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(4, 2)

        def forward(self, x):
            return torch.from_numpy(self.head(x).numpy() + 1)

    probes = [Gradient("head", "uniform"), Output("logits"), Activation("head")]
    signals = Reactor(Counting(), Numpy(), probes)(torch.rand(3, 4))
    assert signals[probes[1]].shape == signals[probes[2]].shape == (3, 2)
    with pytest.raises(RuntimeError, match="requires grad"):
        signals[probes[0]]


def test_activations_are_the_layer_s_own_output_whatever_follows_in_place() -> None:
    model, images = Net().eval(), _batch()
    with torch.no_grad():
        own = model[0](images)
        third = model[3](torch.relu(model[1](own)))
    pools = ("avg", "max", "std", "avgstd", "none")
    probes = [Activation("3", pool) for pool in pools]
    for extra in ([], [Gradient("0", "uniform")]):
        signals = Reactor(Counting(), model, [*probes, *extra])(images)
        flat = third.flatten(2)
        mean, std = flat.mean(2), flat.std(2, correction=0)
        expected = (mean, flat.amax(2), std, torch.cat([mean, std], 1), third)
        for probe, true in zip(probes, expected, strict=True):
            assert torch.allclose(signals[probe], true, atol=1e-6), probe
    assert (signals[Activation("3", "none")] < 0).any()


def test_activations_of_tokens_of_channels_last_maps_and_of_tuples() -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.maps = nn.Linear(3, 5), nn.LayerNorm(5)
            self.pair = nn.LSTM(5, 6, batch_first=True)

        def forward(self, x):
            tokens = self.one(x)
            self.maps(tokens.unsqueeze(1).expand(-1, 2, -1, -1))
            return self.pair(tokens)[0].mean(1)

    model, inputs = Tokens(), torch.rand(4, 7, 3)
    probes = [Activation("one"), Activation("maps"), Activation("pair")]
    signals = Reactor(Counting(), model, probes)(inputs)
    with torch.no_grad():
        tokens = model.one(inputs)
        assert torch.allclose(signals[probes[0]], tokens.mean(1), atol=1e-6)
        assert torch.allclose(signals[probes[1]], model.maps(tokens).mean(1), atol=1e-6)
        assert torch.allclose(signals[probes[2]], model.pair(tokens)[0].mean(1), atol=1e-6)


def test_an_output_without_a_row_an_image_is_refused() -> None:
    class Windows(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 3)

        def forward(self, x):
            return self.layer(x.reshape(-1, 3)).reshape(x.shape).mean(1)

    probe = Activation("layer")
    signals = Reactor(Counting(), Windows(), [probe])(torch.rand(4, 2, 3))
    with pytest.raises(UsageError, match="first axis is not the images'"):
        signals[probe]


def test_gradients_do_not_depend_on_the_rest_of_the_batch() -> None:
    model, images = Net(), _batch(6)
    probes = [probe for probe in ALL if isinstance(probe, Gradient)]
    reactor = Reactor(Counting(), model, probes)
    whole = reactor(images)
    for part in (slice(0, 1), slice(1, 6)):
        some = reactor(images[part])
        for probe in probes:
            off = (some[probe] - whole[probe][part]).norm() / whole[probe][part].norm()
            assert off < 1e-5, probe


def test_inputs_from_inference_mode_are_taken() -> None:
    with torch.inference_mode():
        images = _batch()
    probe = Gradient("0", "uniform")
    assert Reactor(Counting(), Net(), [probe])(images)[probe].shape == (4, 4, 3, 3, 3)


def test_the_live_backbone_can_be_called() -> None:
    model, images = Net().eval(), _batch()
    live = Reactor(Counting(), model, [Model()])(images)[Model()]
    assert torch.equal(live.forward()["logits"], model(images))
    assert live.forward(images[:1])["logits"].shape == (1, 5)


def test_notes_are_said_once() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x):
            return self.layer(x) @ self.layer.weight

    reactor = Reactor(Counting(), Tied(), [Gradient("layer", "uniform")])
    first = reactor(torch.rand(2, 4)).notes
    assert len(first) == 1 and "layer.weight: image by image" in next(iter(first))
    assert reactor(torch.rand(2, 4)).notes == {}


def test_references_are_the_callers_business() -> None:
    with pytest.raises(UsageError, match="plain probes"):
        Reactor(Counting(), Net(), [OfReference(Output("logits"))])
