"""Kwon et al.'s variational autoencoder: layers, losses, and fitting that survives a kill."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from benchbench_plugins import kwon_vae
from benchbench_plugins.grad import Grad
from benchbench_plugins.kwon_vae import KwonVae, network, train
from PIL import Image
from torch import nn
from torch.distributions import Normal, kl_divergence

from benchbench import DataError, UsageError, dataset, progress, training
from benchbench.describe import describe
from benchbench.preprocessing import Preprocessing

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


def write_signs(folder: Path, splits: list[str] | None) -> str:
    """A card of tiny signs: two frames of each group, discs on a noisy ground."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:30, :34]
    rows = ["image,group,split"]
    for group, split in enumerate(splits or ["all"] * 12):
        for frame in range(2):
            disc = np.hypot(y - 15, x - 17) < 6 + group % 5
            ground = rng.integers(0, 90, (30, 34, 3))
            picture = np.where(disc[..., None], [200, 40 + 10 * group, 60], ground)
            Image.fromarray(picture.astype(np.uint8)).save(folder / f"{group}_{frame}.png")
            rows.append(f"{group}_{frame}.png,{group},{split}")
    (folder / "table.csv").write_text("\n".join(rows) + "\n")
    card = folder / "signs.toml"
    card.write_text(CARD.format(split='split = "split"' if splits else ""))
    return str(card)


@pytest.fixture
def signs(tmp_path: Path) -> str:
    return write_signs(tmp_path, ["train"] * 8 + ["val"] * 3 + ["test"] * 3)


def images(count: int) -> torch.Tensor:
    return torch.rand(count, 3, 28, 28, generator=torch.Generator().manual_seed(0))


def test_the_layers_are_the_published_ones(signs: str, store: Path) -> None:
    facts = describe(KwonVae(signs, epochs=1))
    assert [(layer.name, layer.weight, layer.output) for layer in facts.layers] == [
        ("down_0", (3, 3, 4, 4), (3, 15, 15)), ("down_2", (6, 3, 4, 4), (6, 8, 8)),
        ("down_4", (9, 6, 4, 4), (9, 5, 5)), ("down_6", (12, 9, 4, 4), (12, 3, 3)),
        ("mean", (20, 108), (20,)), ("logvar", (20, 108), (20,)), ("paint", (108, 20), (108,)),
        ("up_0", (12, 9, 4, 4), (9, 4, 4)), ("up_2", (9, 6, 4, 4), (6, 8, 8)),
        ("up_4", (6, 3, 4, 4), (3, 14, 14)), ("up_6", (3, 3, 4, 4), (3, 28, 28)),
    ]  # fmt: skip
    assert facts.outputs["latent"] == (20,)
    widths = {
        Grad(loss=loss, layer=layer, reduce="full").shape(facts)
        for loss, layer in (("reconstruction", "up_6"), ("kl", "down_6"))
    }
    assert sorted(int(np.prod(shape)) for shape in widths) == [144, 1728]
    assert facts.losses == ("reconstruction", "kl", "elbo")
    assert facts.weights.startswith("recipe:")
    assert facts.fitted_on == (f"part[source={signs},split=train+val]",)
    assert "trained here" in facts.notes[0]
    assert Preprocessing.of(facts.preprocessing, {}, "native").crop == (28, 28)


def test_outputs_equal_a_plain_sequence_of_the_same_weights() -> None:
    net = network(3)
    down: list[nn.Module] = []
    for layer in (net.down_0, net.down_2, net.down_4, net.down_6):
        down += [layer, nn.ReLU()]
    up: list[nn.Module] = [nn.Unflatten(1, (12, 3, 3)), net.up_0, nn.ReLU(), net.up_2, nn.ReLU(),
                           net.up_4, nn.ReLU(), net.up_6, nn.Sigmoid()]  # fmt: skip
    batch = images(4)
    with torch.no_grad():
        hidden = nn.Sequential(*down, nn.Flatten())(batch)
        code = net.mean(hidden)
        painted = nn.Sequential(net.paint, *up)(code)
        outputs = net(batch)
        noise = torch.ones(4, 20)
        sampled = nn.Sequential(net.paint, *up)(code + (net.logvar(hidden) / 2).exp())
        noisy = net(batch, noise)
    torch.testing.assert_close(outputs["latent"], code)
    torch.testing.assert_close(outputs["reconstruction"], painted)
    torch.testing.assert_close(noisy["reconstruction"], sampled)


def test_losses_equal_torch_distributions(signs: str) -> None:
    part, net, batch = KwonVae(signs), network(0).double(), images(5).double()
    with torch.no_grad():
        outputs = net(batch)
    posterior = Normal(outputs["mean"], (outputs["logvar"] / 2).exp())
    kl = kl_divergence(posterior, Normal(0.0, 1.0)).sum(1)
    painted = outputs["reconstruction"]
    cross = -(batch * painted.log() + (1 - batch) * (1 - painted).log()).flatten(1).sum(1)
    torch.testing.assert_close(part.loss("kl", outputs, batch, None), kl)
    torch.testing.assert_close(part.loss("reconstruction", outputs, batch, None), cross)
    torch.testing.assert_close(part.loss("elbo", outputs, batch, None), cross + kl)
    with pytest.raises(UsageError, match="kwon-vae has reconstruction, kl, elbo"):
        part.loss("energy", outputs, batch, None)


def test_fitting_is_repeatable_and_goes_on_after_a_kill(
    signs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "KEEP_EVERY", 2)

    def fit(store: str, listen: Callable[[str, int, int], None] | None = None) -> dict:
        monkeypatch.setenv("BENCHBENCH_STORE", str(tmp_path / store))
        before = progress.set_reporter(listen)
        try:
            return KwonVae(signs, epochs=7).build().state_dict()
        finally:
            progress.set_reporter(before)

    def killed(what: str, done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    heard: list[int] = []
    whole = fit("whole", lambda what, done, total: heard.append(done))
    assert heard == [1, 2, 3, 4, 5, 6, 7]
    with pytest.raises(KeyboardInterrupt):
        fit("cut", killed)
    folder = tmp_path / "cut" / "weights"
    assert len(list(folder.glob("*.part"))) == 1
    assert not list(folder.glob("*.safetensors"))
    heard.clear()
    torch.manual_seed(7)
    resumed = fit("cut", lambda what, done, total: heard.append(done))
    assert heard == [5, 6, 7]
    assert all(whole[name].equal(resumed[name]) for name in whole)
    assert not list(folder.glob("*.part"))
    other = KwonVae(signs, epochs=7, seed=1).build().state_dict()
    assert not other["down_0.weight"].equal(whole["down_0.weight"])


def test_training_lowers_the_bound_and_stops_early(store: Path) -> None:
    shown = images(64) * 0.2 + 0.3
    heard: list[int] = []
    before = progress.set_reporter(lambda what, done, total: heard.append(done))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        weights = train(shown, shown[:16], 15, 15, 0, {"recipe": "a"})
        epochs = len(heard)
        # White images are repeated worse and worse by a model that learns dark ones.
        train(shown, torch.ones(8, 3, 28, 28), 300, 2, 0, {"recipe": "b"})
    finally:
        progress.set_reporter(before)
        torch.set_num_threads(threads)
    assert epochs == 15
    assert len(heard) - epochs < 300
    fitted, fresh = network(0), network(0)
    fitted.load_state_dict(weights)
    with torch.no_grad():
        bounds = [
            kwon_vae.likelihood_loss(out := net(shown), shown) + kwon_vae.divergence(out)
            for net in (fitted, fresh)
        ]
    assert bounds[0].mean() < bounds[1].mean()


def test_only_clean_rows_of_train_and_val_are_seen(
    signs: str, tmp_path: Path, store: Path
) -> None:
    recipe = KwonVae(signs).recipe()
    facts = {part: len(digests) for part, digests in recipe["images"].items()}
    assert facts == {"train": 16, "val": 6}
    distorted = f"distorted[source={signs},with=gaussian-blur,levels=1,clean=true]"
    assert KwonVae(distorted).recipe()["images"] == recipe["images"]
    folder = tmp_path / "unsplit"
    folder.mkdir()
    two = write_signs(folder, ["train"] * 20 + ["test"] * 4)
    held = KwonVae(two).recipe()["images"]
    assert len(held["train"]) + len(held["val"]) == 40
    assert 0 < len(held["val"]) < 20
    assert set(held["train"]).isdisjoint(held["val"])
    seen = dataset(f"part[source={signs},split=train+val]").table()["group"]
    assert set(seen) == {str(group) for group in range(11)}


def test_what_cannot_be_is_said(tmp_path: Path, store: Path) -> None:
    with pytest.raises(UsageError, match=r"epochs=0.*at least 1"):
        KwonVae("gtsrb", epochs=0)
    plain = write_signs(tmp_path, None)
    with pytest.raises(DataError, match=r"no column 'split'.*parts\[source="):
        KwonVae(plain).build()
    tested = write_signs(tmp_path, ["test"] * 12)
    with pytest.raises(DataError, match=r"no clean image is left for train"):
        KwonVae(tested).build()
    parts = dataset(f"parts[source={plain}]").table()
    assert parts.groupby("split")["group"].nunique().to_dict() == {"test": 2, "train": 7, "val": 3}
