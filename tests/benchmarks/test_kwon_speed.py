"""Kwon's gradient score and UNIQUE together against a NumPy port: processor time on one core."""

from __future__ import annotations

import csv
import statistics
import sys
import time

import numpy as np
import pytest
import torch
from benchbench_plugins.kwon2019 import KwonGradient, UniqueScore
from benchbench_plugins.unique.backbone import Unique
from PIL import Image
from threadpoolctl import threadpool_limits

from benchbench import OfReference
from benchbench.describe import describe
from benchbench.signals import Reactor
from tests.plugins import unique_port as port

ROUNDS = 5
IMAGES = 6
ZERO, ONE = torch.zeros(1, 3, 1, 1), torch.ones(1, 3, 1, 1)


@pytest.fixture
def pictures(shared_data):
    """One LIVE reference and six of its distorted versions."""
    folder = shared_data / "live"
    with (folder / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    own = [row for row in rows if row["reference"] == rows[0]["reference"]][:IMAGES]

    def read(name):
        return np.asarray(Image.open(folder / name).convert("RGB"))

    return read(own[0]["reference"]), [read(row["image"]) for row in own]


def contender(weights):
    part = Unique(weights=weights)
    model, facts = part.build(), describe(part)
    extractors = [KwonGradient(), UniqueScore()]
    probes = dict.fromkeys(probe for each in extractors for probe in each.probes(facts))
    of_reference = [probe for probe in probes if isinstance(probe, OfReference)]
    own = Reactor(part, model, [probe for probe in probes if probe not in of_reference])
    inner = Reactor(part, model, [probe.probe for probe in of_reference])

    def inputs(images):
        batch = torch.stack([torch.tensor(image).permute(2, 0, 1) for image in images])
        return part.prepare(batch, ZERO, ONE)

    def run(reference, images):
        signals = dict(own(inputs(images)))
        kept = inner(inputs([reference]))
        for probe in of_reference:
            rows = kept[probe.probe]
            signals[probe] = rows.expand(len(images), *rows.shape[1:])
        return np.stack([each.extract(signals).numpy() for each in extractors], 1)

    return run


def yardstick(weights):
    theirs = port.Weights.load(str(weights))

    def run(reference, images):
        before = port.whiten(port.patches(reference))
        gradient = port.gradient(theirs, before)
        scores = []
        for image in images:
            after = port.whiten(port.patches(image))
            scores.append([port.gradient_score(gradient, before, after),
                           port.activation_score(theirs, before, after)])  # fmt: skip
        return np.array(scores)

    return run


def test_both_scores_against_the_port(pictures, shared_data, benchmark, capsys):
    weights = shared_data / "weights/unique/ImageNet_Weights_YGCr.mat"
    ours, theirs = contender(weights), yardstick(weights)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    fast, slow = [], []
    try:
        with threadpool_limits(1):
            np.testing.assert_allclose(ours(*pictures), theirs(*pictures), atol=1e-4)
            for _ in range(ROUNDS):  # Interleaved, so that both see the same machine.
                begin = time.process_time()
                ours(*pictures)
                middle = time.process_time()
                theirs(*pictures)
                fast.append(middle - begin)
                slow.append(time.process_time() - middle)
            benchmark.pedantic(ours, args=pictures, rounds=1)
    finally:
        torch.set_num_threads(threads)
    mine, single = statistics.median(fast) / IMAGES, statistics.median(slow) / IMAGES
    with capsys.disabled():
        sys.stdout.write(
            f"\nkwon-gradient and unique, {pictures[0].shape[1]}x{pictures[0].shape[0]} pixels: "
            f"{mine * 1e3:.0f} ms an image, NumPy port {single * 1e3:.0f} ms, "
            f"{single / mine:.1f} times as fast\n"
        )
