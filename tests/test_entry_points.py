"""A distribution of somebody else's, installed without the network, works end to end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parent / "example_plugin"

CARD = """
name = "grey"
[table]
file = "scores.csv"
[table.columns]
image = "image"
score = "mos"
group = "image"
[score]
kind = "mos"
higher_is_better = true
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which the example distribution was installed."""
    folder = tmp_path_factory.mktemp("installed")
    # A copy, since building leaves files beside pyproject.toml.
    source = shutil.copytree(EXAMPLE, folder / "source")
    target = folder / "target"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--no-index",
         "--disable-pip-version-check", "--quiet", "--target", str(target), str(source)],
        check=True, capture_output=True, text=True)
    return target


@pytest.fixture
def environment(installed: Path, tmp_path: Path) -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(installed), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, "BENCHBENCH_STORE": str(tmp_path / "store")}


def benchbench(
    environment: Mapping[str, str], folder: Path, *arguments: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "benchbench", *arguments], cwd=folder,
                          env=dict(environment), capture_output=True, text=True, check=False)


def test_is_listed_with_its_distribution(environment: dict[str, str], tmp_path: Path) -> None:
    done = benchbench(environment, tmp_path, "plugins", "--json")
    assert done.returncode == 0, done.stderr
    [found] = [plugin for plugin in json.loads(done.stdout) if plugin["name"] == "example"]
    assert found["origin"] == "distribution benchbench-example"
    assert found["version"] == "1.2.3"
    assert found["provides"] == ["extractor brightness"]
    assert found["problems"] == []


def test_conforms(environment: dict[str, str], tmp_path: Path) -> None:
    done = benchbench(environment, tmp_path, "check", "brightness")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 failed" in done.stdout


def test_runs_end_to_end(environment: dict[str, str], tmp_path: Path) -> None:
    from PIL import Image

    lines = ["image,mos"]
    for place in range(8):
        # Brightness rises with the score, and so its only varying feature predicts it.
        Image.new("RGB", (16, 16), (25 * place + 30,) * 3).save(tmp_path / f"{place}.png")
        lines.append(f"{place}.png,{1 + place / 2}")
    (tmp_path / "scores.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "grey.toml").write_text(CARD)
    done = benchbench(environment, tmp_path, "run", "--dataset", "grey.toml", "--backbone", "none",
                      "--features", "brightness", "--task", "iqa[protocol=leave-one-out]",
                      "--no-controls", "--out", "runs")
    assert done.returncode == 0, done.stdout + done.stderr
    records = [json.loads(path.read_text()) for path in (tmp_path / "runs/cells").glob("*.json")]
    [record] = [record for record in records if record["status"] == "ok"]
    assert record["extractor"]["plugin"] == "example 1.2.3"
    assert record["extractor"]["shape"] == [2]
    done = benchbench(environment, tmp_path, "export", record["cell"], "--to", "features.npz")
    assert done.returncode == 0, done.stderr
    import numpy as np

    features = np.load(tmp_path / "features.npz")
    stored = next(value for value in features.values() if value.shape == (8, 2))
    assert np.array_equal(stored[:, 0], 25.0 * np.arange(8) + 30)
    assert np.array_equal(stored[:, 1], np.zeros(8))
