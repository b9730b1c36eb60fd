"""A sweep against the loop that one would write by hand: the same loader, model and batches.

``pytest tests/benchmarks/test_sweep_speed.py --benchmark-enable -s`` measures; without the flag a
few small images show that both work. Contender and yardstick run in turn. A round is one sweep of
JPEG files through ``Sweeper``, features written to the store and all.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from benchbench.batching import BatchSize, batches
from benchbench.cells import Feature
from benchbench.describe import describe
from benchbench.interfaces import Backbone, Dataset
from benchbench.loading import load_images
from benchbench.names import parse
from benchbench.preprocessing import Preprocessing
from benchbench.registry import registry
from benchbench.sweep import Sweeper
from benchbench.sweep_result import Job

CPU = torch.device("cpu")
ACTIVATIONS = tuple(f"activation[layer=layer{i},pool={p}]" for i in (1, 2, 3, 4)
                    for p in ("avg", "max", "std"))
CLASSIFIER = ("grad[loss=uniform,layer=conv1]", "grad[loss=uniform,layer=layer4.1.conv2]",
              "activation[layer=layer4]", "layers[layer=layer2+layer3,pool=avgstd]", "logits")
AUTOENCODER = ("grad[loss=elbo,layer=encoder.0]", "activation[layer=encoder.4,pool=avgstd]",
               "layers[layer=encoder.0+encoder.2+decoder.2]", "latent",
               "reconstruction[grid=8]")


class Files(Dataset):
    """JPEG files of one size."""

    name = "files"

    def __init__(self, folder: Path, images: int, side: int) -> None:
        self.files = [folder / f"{i}.jpg" for i in range(images)]
        random = np.random.default_rng(0)
        for file in self.files:
            small = random.integers(0, 256, (side // 8, side // 8, 3), np.uint8)
            Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC).save(file)

    def table(self) -> pd.DataFrame:
        return pd.DataFrame({"image": [file.name for file in self.files]})

    def path(self, image: str) -> Path:
        return self.files[0].parent / image


class Setting:
    """One backbone, with its model built and its facts known, on the files of a folder."""

    def __init__(self, backbone: str, folder: Path, images: int, side: int) -> None:
        made = registry().make("backbone", parse(backbone))
        self.backbone: Backbone = made.part
        self.facts = describe(self.backbone)
        self.model = self.backbone.build()
        self.preprocessing = Preprocessing.of(self.facts.preprocessing, made.overrides, "native")
        self.dataset = Files(folder, images, side)
        self.images = [file.name for file in self.dataset.files]
        self.round = 0

    def sweep(self, features: tuple[str, ...]) -> None:
        jobs = []
        self.round += 1  # features under a key of their own are computed anew
        for place, name in enumerate(features):
            made = registry().make("extractor", parse(name))
            probes, shape = made.part.probes(self.facts), made.part.shape(self.facts)
            feature = Feature(made, tuple(probes), tuple(shape))
            jobs.append(Job(f"{id(self)}-{self.round}-{place}", feature, {}))
        nobody = [None] * len(self.images)
        result = Sweeper(self.dataset, self.images, nobody, self.backbone, self.model,
                         self.preprocessing, jobs, device=CPU).run()
        assert not result.failures and result.images == len(self.images)

    def by_hand(self, loss: str | None) -> None:
        """Forward passes alone, or with a backward to all weights."""
        self.model.requires_grad_(loss is not None)
        weights = [p for p in self.model.parameters() if p.dim() > 1]
        mean, std = self.preprocessing.tensors(torch.float32, CPU)
        order = range(len(self.images))
        loaded = load_images(self.dataset, self.images, order, self.preprocessing, CPU)
        for batch in batches(loaded, BatchSize(CPU)):
            stacked = torch.stack([item.prepared for item in batch])
            inputs = self.backbone.prepare(stacked, mean, std)
            with torch.set_grad_enabled(loss is not None):
                outputs = self.backbone.forward(self.model, inputs)
                if loss is not None:
                    each = self.backbone.loss(loss, outputs, inputs, None)
                    torch.autograd.grad(each.sum(), weights)
        self.model.requires_grad_(False)


def compare(
    capsys, title: str, contender: Callable[[], None], yardstick: Callable[[], None], rounds: int
) -> None:
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for run, seconds in zip((contender, yardstick), times, strict=True):
            began = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - began)
    mine, other = map(statistics.median, times)
    with capsys.disabled():
        sys.stdout.write(f"\n{title}: {mine:.3f} s / {other:.3f} s = {mine / other:.3f}\n")


@pytest.mark.parametrize(
    ("backbone", "features", "loss"),
    [
        ("torchvision/resnet18[pretrained=false]", ACTIVATIONS, None),
        ("torchvision/resnet18[pretrained=false]", CLASSIFIER, "uniform"),
        ("vae[epochs=1]", AUTOENCODER, "elbo"),
    ],
    ids=["activations of resnet18", "families of resnet18", "five families of a vae"],
)
def test_sweep_against_a_loop_by_hand(
    backbone, features, loss, benchmark, capsys, tmp_path, request
) -> None:
    images, side, rounds = (6, 64, 1) if benchmark.disabled else (82, 224, 7)
    setting = Setting(backbone, tmp_path, images, side)
    setting.sweep(features)
    title = f"{request.node.callspec.id}, {images} images, sweep / loop by hand"
    compare(capsys, title, lambda: setting.sweep(features), lambda: setting.by_hand(loss), rounds)
    benchmark.pedantic(setting.sweep, args=(features,), rounds=1)
