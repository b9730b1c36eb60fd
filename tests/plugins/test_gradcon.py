"""GradCon: the score against an autograd loop, the average of gradients, fitting after a kill."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from benchbench_plugins.gradcon import DECODER, GradConAutoencoder, GradConScore, network, train
from PIL import Image

from benchbench import DataError, UsageError, backbone, extract, progress, training
from benchbench.describe import describe

CARD = """
name = "toy-signs"
size = "model"
[table]
file = "table.csv"
[table.columns]
image = "image"
group = "group"
{split}
"""


def write_signs(folder: Path, split: bool = True) -> str:
    rng = np.random.default_rng(0)
    rows = ["image,group,split"]
    for group in range(12):
        pixels = rng.integers(0, 256, (20, 24, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{group}.png")
        rows.append(f"{group}.png,{group},{('train', 'val', 'test')[max(0, group - 9)]}")
    (folder / "table.csv").write_text("\n".join(rows) + "\n")
    card = folder / "signs.toml"
    card.write_text(CARD.format(split='split = "split"' if split else ""))
    return str(card)


@pytest.fixture
def signs(tmp_path: Path) -> str:
    return write_signs(tmp_path)


def images(count: int) -> torch.Tensor:
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def plain(state: dict[str, torch.Tensor], batch: torch.Tensor) -> torch.Tensor:
    """The network written down once more, from its weights alone."""
    from torch.nn.functional import conv2d, conv_transpose2d

    hidden = batch
    for part, step in (("encoder", conv2d), ("decoder", conv_transpose2d)):
        for i in range(1, 5):
            weight, bias = state[f"{part}_{i}.weight"], state[f"{part}_{i}.bias"]
            hidden = step(hidden, weight, bias, 2, 1)
            hidden = hidden.sigmoid() if (part, i) == ("decoder", 4) else hidden.relu()
    return hidden


def cosine(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (a * b).sum() / (a.norm() * b.norm())


@pytest.mark.parametrize("beta", [0.12, 0.5])
def test_the_score_equals_a_loop_of_autograd(signs: str, store: Path, beta: float) -> None:
    part = GradConAutoencoder(signs, epochs=3)
    state = {k: v.double().requires_grad_() for k, v in part.build().state_dict().items()}
    shown = (images(9) * 255).to(torch.uint8)
    expected = []
    for image in shown.double() / 255:
        batch = image[None]
        error = (plain(state, batch) - batch).square().mean()
        gradients = torch.autograd.grad(error, [state[f"{name}.weight"] for name in DECODER])
        turns = [cosine(gradient, state[f"average_{name}"])
                 for name, gradient in zip(DECODER, gradients, strict=True)]  # fmt: skip
        expected.append((beta * sum(turns) / 4 - error).item())
    found = extract(part, shown, f"gradcon[beta={beta}]", device="cpu")
    np.testing.assert_allclose(found.numpy().ravel(), expected, atol=2e-6)
    assert np.ptp(expected) > 1e-4


@pytest.mark.parametrize("constraint", [True, False])
def test_a_training_step_and_the_average_follow_the_formula(
    constraint: bool, store: Path
) -> None:
    """One batch an epoch, so that the order of the images does not matter."""
    shown, epochs = images(8), 3
    state = {k: v.clone() for k, v in network(0).state_dict().items() if "." in k}
    weights = {k: v.requires_grad_() for k, v in state.items()}
    optimiser = torch.optim.Adam(weights.values(), 1e-3)
    history: dict[str, list[torch.Tensor]] = {name: [] for name in DECODER}
    for _ in range(epochs):
        error = (plain(weights, shown) - shown).square().mean()
        gradients = torch.autograd.grad(
            error, [weights[f"{name}.weight"] for name in DECODER], create_graph=True
        )
        loss = error
        if constraint and history["decoder_1"]:
            loss = error - 0.03 / 4 * sum(
                cosine(gradient, torch.stack(history[name]).mean(0))
                for name, gradient in zip(DECODER, gradients, strict=True)
            )
        for name, gradient in zip(DECODER, gradients, strict=True):
            history[name].append(gradient.detach())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    found = train(shown, shown, constraint, epochs, epochs, 0, {"recipe": "a"})
    assert int(found["steps"]) == epochs
    for name in DECODER:
        average = torch.stack(history[name]).mean(0)
        torch.testing.assert_close(found[f"average_{name}"], average, rtol=1e-3, atol=1e-7)
    for name, weight in weights.items():
        torch.testing.assert_close(found[name], weight.detach(), rtol=0, atol=2e-4, msg=name)


def test_the_constraint_aligns_the_gradients(store: Path) -> None:
    shown = images(96) * torch.linspace(0.2, 1, 96).reshape(-1, 1, 1, 1)
    means = {}
    for constraint in (True, False):
        weights = train(shown, shown, constraint, 12, 12, 0, {"recipe": str(constraint)})
        found = extract(_with(weights), (shown * 255).to(torch.uint8), "gradcon[beta=1000]",
                        device="cpu")
        means[constraint] = float(found.mean())
    assert means[True] > means[False]


def _with(weights: dict[str, torch.Tensor]) -> GradConAutoencoder:
    part = GradConAutoencoder("unused")
    model = network(0).eval()
    model.load_state_dict(weights)
    part.build = lambda: model  # type: ignore[method-assign]
    part.recipe = lambda: {"recipe": "test"}  # type: ignore[method-assign]
    return part


def test_fitting_goes_on_after_a_kill_to_the_same_weights(
    signs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "KEEP_EVERY", 2)

    def fit(
        store: str, listen: Callable[[str, int, int], None] | None = None
    ) -> dict[str, torch.Tensor]:
        monkeypatch.setenv("BENCHBENCH_STORE", str(tmp_path / store))
        before = progress.set_reporter(listen)
        try:
            return GradConAutoencoder(signs, epochs=7).build().state_dict()
        finally:
            progress.set_reporter(before)

    def killed(what: str, done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    heard: list[int] = []
    whole = fit("whole")
    with pytest.raises(KeyboardInterrupt):
        fit("cut", killed)
    torch.manual_seed(7)
    resumed = fit("cut", lambda what, done, total: heard.append(done))
    assert heard == [5, 6, 7]
    assert set(whole) == set(resumed)
    assert all(whole[name].equal(resumed[name]) for name in whole)


def test_the_facts(signs: str, store: Path) -> None:
    facts = describe(GradConAutoencoder(signs, epochs=1))
    shapes = {layer.name: (layer.weight, layer.output) for layer in facts.layers}
    assert [shapes[f"encoder_{i}"][1] for i in range(1, 5)] == [
        (32, 16, 16), (32, 8, 8), (64, 4, 4), (64, 2, 2)]  # fmt: skip
    assert [shapes[name][1] for name in DECODER] == [
        (64, 4, 4), (32, 8, 8), (32, 16, 16), (3, 32, 32)]  # fmt: skip
    assert facts.fitted_on == (f"part[source={signs},split=train+val]",)
    recipes = {str(GradConAutoencoder(signs, constraint=on).recipe()) for on in (True, False)}
    assert len(recipes) == 2


def test_what_cannot_be_is_said(tmp_path: Path, store: Path) -> None:
    with pytest.raises(UsageError, match=r"gradcon\[epochs=0,patience=20\]: expected at least 1"):
        GradConAutoencoder("gtsrb", epochs=0)
    with pytest.raises(DataError, match=r"no column 'split'.*parts\[source="):
        GradConAutoencoder(write_signs(tmp_path, split=False)).build()
    other = describe(backbone("unique[units=4,patches=500]"))
    with pytest.raises(UsageError, match=r"--backbone gradcon\[source="):
        GradConScore().probes(other)
