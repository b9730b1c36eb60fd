"""Every layer of whole networks against a per-image autograd loop."""

from __future__ import annotations

import pytest
import timm
import torch
from timm.layers import StdConv2d
from timm.models.resnetv2 import ResNetV2
from torch import nn

from benchbench.losses import per_image_loss
from benchbench.probes import Gradient
from benchbench.signals import Reactor
from tests.gradients.autograd_oracle import (
    Classifier,
    Squares,
    loop_gradients,
    parameters_of,
    relative_error,
    shared_forward_gradients,
    stir,
    worst,
)

MODELS = {
    "resnet18": ("resnet18", 40, {}),
    "mobilenetv2": ("mobilenetv2_100", 40, {}),
    "mobilenetv2-same": ("mobilenetv2_100", 37, {"pad_type": "same"}),
    "convnext": ("convnext_atto", 40, {}),
    "vit": ("vit_tiny_patch16_224", 64, {"img_size": 64}),
}


def _model(name: str) -> tuple[nn.Module, int]:
    torch.manual_seed(0)
    architecture, size, options = MODELS[name]
    return stir(timm.create_model(architecture, pretrained=False, **options)), size


@pytest.mark.parametrize("name", MODELS)
def test_every_layer_in_float64(name: str) -> None:
    model, size = _model(name)
    inputs = torch.randn(3, 3, size, size, dtype=torch.float64)
    error, where, notes = worst(Classifier(), model.double(), inputs, "pseudo-label")
    assert error <= 1e-10, where
    assert notes == []


@pytest.mark.parametrize("name", MODELS)
def test_every_layer_in_float32(name: str) -> None:
    """Float32 rounds anew in each of a network's layers: after MobileNetV2's 52 even autograd's
    own gradients are 1e-5 from the truth, whichever way a batch is summed. So what is ours to
    answer for is held against autograd on the same forward pass; and the truth, by float64, is
    to be no further from ours than from autograd's loop."""
    model, size = _model(name)
    inputs, wanted = torch.randn(2, 3, size, size), parameters_of(model)
    probes = {
        (key, how): Gradient(key[0], "energy", how, of=key[1])
        for key in wanted
        for how in ("full", "filter", "norm")
    }
    grown = {key: probe for key, probe in probes.items() if key[1] == "full"}
    short = [probe for key, probe in probes.items() if key[1] != "full"]
    signals = dict(Reactor(Classifier(), model, list(grown.values()))(inputs))
    signals |= Reactor(Classifier(), model, short)(inputs)
    shared = shared_forward_gradients(Classifier(), model, inputs, "energy", wanted)
    loop = loop_gradients(Classifier(), model, inputs, "energy", wanted)
    true = loop_gradients(Classifier(), model.double(), inputs.double(), "energy", wanted)
    ours, autograd = 0.0, 0.0
    for key in wanted:
        norms = shared[key].double().flatten(2) if shared[key].dim() > 2 else shared[key].double()
        by_unit = norms.norm(dim=2) if norms.dim() > 2 else norms.abs()
        for how, right in (
            ("full", shared[key]), ("filter", by_unit), ("norm", by_unit.norm(dim=1)[:, None])
        ):
            found = signals[probes[key, how]].reshape(right.shape)
            assert relative_error(found.double(), right.double()) <= 1e-5, (key, how)
        if not name.startswith("mobilenet"):
            full = signals[probes[key, "full"]]
            assert relative_error(full.double(), loop[key].double()) <= 1e-5, key
        ours = max(ours, relative_error(signals[probes[key, "full"]].double(), true[key]))
        autograd = max(autograd, relative_error(loop[key].double(), true[key]))
    assert ours <= 1.5 * autograd + 1e-6


def test_windows_are_told_apart_by_a_check() -> None:
    """Swin's attention sees ``[windows * images, tokens, channels]``."""
    torch.manual_seed(0)
    model = timm.create_model(
        "swin_tiny_patch4_window7_224",
        pretrained=False,
        img_size=32,
        window_size=2,
        depths=(2, 1),
        num_heads=(2, 2),
        embed_dim=16,
    )
    inputs = torch.randn(3, 3, 32, 32, dtype=torch.float64)
    error, where, notes = worst(Classifier(), stir(model).double(), inputs, "uniform")
    assert error <= 1e-10, where
    assert notes == []


def test_standardised_weights_fall_back_to_the_loop() -> None:
    torch.manual_seed(0)
    model = ResNetV2((1, 1), (128, 256), num_classes=5, stem_chs=32, conv_layer=StdConv2d)
    inputs = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    error, where, notes = worst(Classifier(), stir(model).double(), inputs, "uniform")
    assert error <= 1e-10, where
    looped = {note.split()[2].removesuffix(".weight:") for note in notes}
    assert looped == {n for n, m in model.named_modules() if isinstance(m, StdConv2d)}
    assert all("because its weight goes through reshape" in note for note in notes)


class Autoencoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, 6, 4, 2, 1), nn.ReLU(inplace=True), nn.Conv2d(6, 8, 4, 2, 1), nn.ReLU(True)
        )
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(8, 6, 4, 2, 1),
            nn.ReLU(True),
            nn.ConvTranspose2d(6, 3, 4, 2, 1),
            nn.Sigmoid(),
        )

    def forward(self, x):
        latent = self.encoder(x)
        return {"latent": latent, "reconstruction": self.decoder(latent)}


class Variational(Autoencoder):
    def __init__(self) -> None:
        super().__init__()
        self.mean, self.logvar = nn.Linear(8 * 16, 5), nn.Linear(8 * 16, 5)
        self.unfold = nn.Linear(5, 8 * 16)

    def forward(self, x):
        code = self.encoder(x).flatten(1)
        mean, logvar = self.mean(code), self.logvar(code)
        image = self.decoder(self.unfold(mean).view(-1, 8, 4, 4))
        return {"latent": mean, "mean": mean, "logvar": logvar, "reconstruction": image}


class Coder(Squares):
    def forward(self, model, inputs):
        return model(inputs)

    def loss(self, name, outputs, inputs, labels):
        return per_image_loss(name, outputs, inputs, labels, error="bce")


@pytest.mark.parametrize(
    ("model", "loss", "left_out"),
    [
        (Autoencoder, "reconstruction", ()),
        (Variational, "elbo", ()),
        (Variational, "reconstruction", ("logvar",)),
        (Variational, "kl", ("decoder", "unfold")),
    ],
)
def test_autoencoders(model, loss, left_out) -> None:
    torch.manual_seed(0)
    network = model().eval()
    wanted = [key for key in parameters_of(network) if not key[0].startswith(left_out or "-")]
    inputs = torch.rand(3, 3, 16, 16)
    error, where, _ = worst(Coder(), network, inputs, loss, wanted)
    assert error <= 1e-5, where
    error, where, notes = worst(Coder(), network.double(), inputs.double(), loss, wanted)
    assert error <= 1e-10, where
    assert notes == []
