"""Training ``kwon-vae`` on 28x28 images, against a bare training loop of the same steps."""

from __future__ import annotations

import statistics
import sys
import time

import torch
from benchbench_plugins.kwon_vae import network, train
from torch.nn.functional import binary_cross_entropy

ROUNDS = 3
EPOCHS = 4


def bare(images):
    model = network(0).train()
    optimiser = torch.optim.Adam(model.parameters(), 1e-3)
    for _ in range(EPOCHS):
        for batch in images[torch.randperm(len(images))].split(128):
            out = model(batch, torch.randn(len(batch), 20))
            loss = binary_cross_entropy(out["reconstruction"], batch, reduction="sum")
            square = out["mean"] ** 2 + out["logvar"].exp() - 1 - out["logvar"]
            optimiser.zero_grad()
            (loss + square.sum() / 2).backward()
            optimiser.step()


def test_training_against_a_bare_loop(benchmark, capsys, store):
    images = torch.rand(1920, 3, 28, 28)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    ours, theirs = [], []
    try:
        for round_ in range(ROUNDS):  # Interleaved, so that both see the same machine.
            begin = time.perf_counter()
            train(images, images[:256], EPOCHS, EPOCHS, 0, {"round": round_})
            middle = time.perf_counter()
            bare(images)
            ours.append(middle - begin)
            theirs.append(time.perf_counter() - middle)
        benchmark.pedantic(bare, args=(images,), rounds=1)
    finally:
        torch.set_num_threads(threads)
    mine, other = statistics.median(ours), statistics.median(theirs)
    with capsys.disabled():
        sys.stdout.write(
            f"\nkwon-vae, {EPOCHS} epochs of {len(images)} images: {mine:.2f} s with validation, "
            f"bare loop {other:.2f} s, ratio {mine / other:.2f}\n"
        )
