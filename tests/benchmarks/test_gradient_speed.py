"""Filter norms of every convolution and linear layer of a ResNet-18, against peers.

``pytest tests/benchmarks/test_gradient_speed.py --benchmark-enable`` measures, batch 16 at 224²;
without the flag a small batch shows that all contenders agree. Each contender runs in turn with
the yardstick, one batched forward and backward to all weights, so that both see the same machine.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from benchbench.interfaces import Backbone
from benchbench.probes import Activation, Gradient
from benchbench.signals import Reactor

LOSS = "pseudo-label"
Norms = dict[str, Tensor]


class Classifier(Backbone):
    name = "classifier"


BACKBONE = Classifier()


def network(in_place: bool = True) -> nn.Module:
    torch.manual_seed(0)
    model = torchvision.models.resnet18(weights=None).eval()
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = in_place
    return model


def layers(model: nn.Module) -> list[str]:
    return [n for n, m in model.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear))]


def losses(model: nn.Module, images: Tensor) -> Tensor:
    return BACKBONE.loss(LOSS, BACKBONE.forward(model, images), images, None)


def norms(gradients: Tensor) -> Tensor:
    return gradients.flatten(2).norm(dim=2)


def ours(images: Tensor) -> Callable[[], Norms]:
    model = network()
    probes = {name: Gradient(name, LOSS, "filter") for name in layers(model)}
    reactor = Reactor(BACKBONE, model, list(probes.values()))

    def run() -> Norms:
        signals = reactor(images)
        return {name: signals[probe] for name, probe in probes.items()}

    return run


def batched(images: Tensor) -> Callable[[], Norms]:
    """The yardstick: autograd's gradients of the whole batch, to all weights."""
    model = network()
    parameters = [model.get_submodule(name).weight for name in layers(model)]

    def run() -> Norms:
        torch.autograd.grad(losses(model, images).sum(), parameters)
        return {}

    return run


def loop(images: Tensor) -> Callable[[], Norms]:
    model = network()
    parameters = [model.get_submodule(name).weight for name in layers(model)]

    def run() -> Norms:
        rows = []
        for image in images.split(1):
            found = torch.autograd.grad(losses(model, image).sum(), parameters)
            rows.append([norms(gradient[None]) for gradient in found])
        columns = zip(*rows, strict=True)
        return {n: torch.cat(part) for n, part in zip(layers(model), columns, strict=True)}

    return run


def vmapped(images: Tensor) -> Callable[[], Norms]:
    model = network(in_place=False)
    state = {name: value.detach() for name, value in model.state_dict().items()}
    weights = {f"{name}.weight": state.pop(f"{name}.weight") for name in layers(model)}

    def one(weights: Norms, image: Tensor) -> Tensor:
        logits = functional_call(model, (weights, state), (image[None],))
        return BACKBONE.loss(LOSS, {"logits": logits}, image[None], None).sum()

    def run() -> Norms:
        found = vmap(grad(one), (None, 0))(weights, images)
        return {name: norms(found[f"{name}.weight"]) for name in layers(model)}

    return run


def opacus(images: Tensor) -> Callable[[], Norms]:
    module = pytest.importorskip("opacus.grad_sample")
    model = network(in_place=False)
    names = layers(model)
    wanted = [model.get_submodule(name).weight for name in names]
    for parameter in model.parameters():
        parameter.requires_grad_(any(parameter is weight for weight in wanted))
    wrapped = module.GradSampleModule(model, loss_reduction="sum", strict=False)
    for name in names:  # It looks at modules in train mode only; these know no difference.
        model.get_submodule(name).training = True

    def run() -> Norms:
        losses(wrapped, images).sum().backward()
        found = {n: norms(weight.grad_sample) for n, weight in zip(names, wanted, strict=True)}
        for weight in wanted:
            weight.grad = weight.grad_sample = None
        return found

    return run


def backpack(images: Tensor) -> Callable[[], Norms]:
    """BackPACK knows cross-entropy as a module, which is this loss with the labels given."""
    root = pytest.importorskip("backpack")
    extensions = pytest.importorskip("backpack.extensions")
    model = network(in_place=False)
    names = layers(model)
    with torch.no_grad():
        labels = model(images).argmax(1)
    # Its converter traces the model anew: parameters are found again by identity.
    wanted = [model.get_submodule(name).weight for name in names]
    for parameter in model.parameters():
        parameter.requires_grad_(any(parameter is weight for weight in wanted))
    extended = root.extend(model, use_converter=True).eval()
    criterion = root.extend(nn.CrossEntropyLoss(reduction="sum"))

    def run() -> Norms:
        with root.backpack(extensions.BatchGrad()):
            criterion(extended(images), labels).backward()
        found = {n: norms(weight.grad_batch) for n, weight in zip(names, wanted, strict=True)}
        for weight in wanted:
            weight.grad = None
            del weight.grad_batch
        return found

    return run


def compare(benchmark, capsys, title: str, contender, yardstick, rounds: int) -> None:
    """Medians of interleaved runs, printed with their ratio."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for run, seconds in zip((contender, yardstick), times, strict=True):
            begin = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - begin)
    benchmark.pedantic(contender, rounds=1)
    mine, other = map(statistics.median, times)
    with capsys.disabled():
        sys.stdout.write(f"\n{title}: {mine:.3f} s / {other:.3f} s = {mine / other:.2f}\n")


def batch(benchmark) -> tuple[Tensor, int]:
    size, side, rounds = (2, 64, 1) if benchmark.disabled else (16, 224, 5)
    return torch.randn(size, 3, side, side, generator=torch.Generator().manual_seed(0)), rounds


@pytest.mark.parametrize("contender", [ours, loop, vmapped, opacus, backpack])
def test_filter_norms_against_a_batched_backward(contender, benchmark, capsys) -> None:
    images, rounds = batch(benchmark)
    run, expected = contender(images), loop(images[:2])()
    for name, rows in run().items():
        off = (rows[:2] - expected[name]).norm() / expected[name].norm()
        assert off < 1e-4, name
    title = f"filter norms by {contender.__name__} / batched backward"
    compare(benchmark, capsys, title, run, batched(images), rounds)


def test_activations_against_a_bare_forward(benchmark, capsys) -> None:
    images, rounds = batch(benchmark)
    model = network()
    stages = [Activation(f"layer{i}", pool) for i in range(1, 5) for pool in ("avg", "max", "std")]
    reactor = Reactor(BACKBONE, model, stages)

    def bare() -> None:
        with torch.inference_mode():
            model(images)

    assert reactor(images)[stages[-3]].shape == (len(images), 512)
    title = "12 pooled activations / bare forward"
    compare(benchmark, capsys, title, lambda: reactor(images), bare, 2 * rounds)


_PEAK = """
import json, re, sys
from pathlib import Path
sys.path.insert(0, {here!r})
import torch
import test_gradient_speed as here
images = torch.randn({size}, 3, {side}, {side})
run = getattr(here, {name!r})(images)
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
Path("/proc/self/clear_refs").write_text("5")  # The peak starts anew from here.
before = peak()
for _ in range(2):
    run()
print(json.dumps([peak(), peak() - before]))
"""


def peak_mb(name: str, size: int, side: int) -> tuple[float, float]:
    """Peak resident memory of a process that runs one contender: all of it, and what came on top
    of loading torch and building the model."""
    here = __file__.rpartition("/")[0]
    code = _PEAK.format(here=here, name=name, size=size, side=side)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    whole, beyond = json.loads(done.stdout.splitlines()[-1])
    return whole, beyond


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="reads Linux's /proc")
def test_peak_memory_against_a_batched_backward(benchmark, capsys) -> None:
    images, _ = batch(benchmark)
    size, side = images.shape[0], images.shape[3]
    mine = benchmark.pedantic(peak_mb, args=("ours", size, side), rounds=1)
    other = peak_mb("batched", size, side)
    assert mine[0] > 0 and other[0] > 0
    with capsys.disabled():
        sys.stdout.write(
            f"\npeak memory of filter norms / batched backward: {mine[0]:.0f} MB / {other[0]:.0f} "
            f"MB = {mine[0] / other[0]:.2f}; beyond the model {mine[1]:.0f} MB / {other[1]:.0f} MB "
            f"= {mine[1] / max(other[1], 1):.2f}\n"
        )
