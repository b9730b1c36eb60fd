"""What a cell's id knows: every thing that its numbers depend on, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchbench.cells import Cell
from benchbench.plan import make_plan
from tests.toys import forget_plugins, selection


def _only(features: str = "mean", **changes: Any) -> Cell:
    (cell,) = make_plan(selection(features, **changes)).cells
    return cell


@pytest.mark.parametrize(
    "changes",
    [
        {"features": "mean[scale=2]"}, {"features": "spread"}, {"features": "mean+spread"},
        {"backbone": "net[seed=1]"}, {"backbone": "net[size=16]"},
        {"backbone": "net[mean=0.5+0.5+0.5]"}, {"dataset": "pictures[levels=3]"},
        {"task": "sum[fault=x]"}, {"seeds": (1,)}, {"precision": "bf16"}, {"limit": 7},
    ],
)
def test_another_question_has_another_id(toys: Path, changes: dict[str, Any]) -> None:
    assert _only(**changes).id != _only().id


@pytest.mark.parametrize("changes", [{"task": "sum[fault=x]"}, {"seeds": (1,)}])
def test_another_task_or_seed_shares_the_features(toys: Path, changes: dict[str, Any]) -> None:
    assert _only(**changes).features_key == _only().features_key


def test_writing_the_defaults_out_changes_nothing(toys: Path) -> None:
    assert _only("mean[scale=1.0]", backbone="net[most=1000,seed=0]").id == _only().id
    assert _only(max_feature_gb=1.0).id == _only().id


def test_the_id_is_the_digest_of_the_identity(toys: Path) -> None:
    from benchbench.identity import digest

    cell = _only()
    assert cell.id == digest(cell.identity)[:16]
    assert cell.features_key == digest(cell.shares[0].sees)
    assert "libraries" in cell.shares[0].sees and "libraries" not in cell.identity


@pytest.mark.parametrize("line", ["# a comment\n", "X = 1\n"])
def test_a_line_of_the_extractor_s_file_changes_the_ids(toys: Path, line: str) -> None:
    before = _only()
    (toys / "toy.py").write_text((toys / "toy.py").read_text() + line)
    forget_plugins()
    after = _only()
    assert after.id != before.id and after.features_key != before.features_key


def test_another_plugin_s_file_does_not(toys: Path) -> None:
    before = _only()
    (toys / "other.py").write_text("X = 1\n")
    forget_plugins()
    assert _only().id == before.id


def test_a_weight_file_counts_by_its_content(toys: Path, tmp_path: Path) -> None:
    (toys / "weighted.py").write_text(
        "from pathlib import Path\n"
        "import torch\n"
        "from benchbench import Backbone, hookimpl\n"
        "class Weighted(Backbone):\n"
        "    name, gives, preprocessing = 'weighted', ('activations',), {'size': 8}\n"
        "    def __init__(self, weights: Path): self.weights = weights\n"
        "    def build(self):\n"
        "        net = torch.nn.Sequential()\n"
        "        net.add_module('second', torch.nn.Conv2d(3, 6, 1, bias=False))\n"
        "        torch.nn.init.constant_(net.second.weight, float(self.weights.read_text()))\n"
        "        return net.eval()\n"
        "@hookimpl\n"
        "def benchbench_backbones(): return [Weighted]\n"
    )
    forget_plugins()
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    first.write_text("0.5")
    second.write_text("0.5")
    cell = _only(backbone=f"weighted[weights={first}]")
    assert cell.identity["backbone"]["weights"].startswith("sha256:")
    assert _only(backbone=f"weighted[weights={second}]").id == cell.id
    second.write_text("0.25")
    assert _only(backbone=f"weighted[weights={second}]").id != cell.id


@pytest.fixture
def card(toys: Path, tmp_path: Path) -> Path:
    root = tmp_path / "pictures"
    root.mkdir()
    for i, name in enumerate(["r.png", "a.png", "b.png"]):
        pixels = np.random.default_rng(i).integers(0, 256, (24, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / name)
    (root / "s.csv").write_text("image,reference,mos\na.png,r.png,3\nb.png,r.png,2\n")
    (root / "card.toml").write_text(
        'name = "mine"\n[table]\nfile = "s.csv"\n[table.columns]\nimage = "image"\n'
        'reference = "reference"\nscore = "mos"\n[score]\nkind = "mos"\nhigher_is_better = true\n'
    )
    return root / "card.toml"


def test_a_changed_label_gives_another_id_and_the_same_features(card: Path) -> None:
    before = _only(dataset=str(card))
    (card.parent / "s.csv").write_text("image,reference,mos\na.png,r.png,4\nb.png,r.png,2\n")
    after = _only(dataset=str(card))
    assert after.id != before.id and after.features_key == before.features_key


@pytest.mark.parametrize("name", ["a.png", "r.png"])
def test_a_changed_image_gives_another_id_and_other_features(card: Path, name: str) -> None:
    before = _only(dataset=str(card))
    Image.fromarray(np.zeros((24, 24, 3), np.uint8)).save(card.parent / name)
    after = _only(dataset=str(card))
    assert after.id != before.id and after.features_key != before.features_key


def test_moved_data_keep_their_ids(card: Path, tmp_path: Path) -> None:
    before = _only(dataset=str(card))
    moved = card.parent.rename(tmp_path / "elsewhere")
    after = _only(dataset=str(moved / card.name))
    assert (after.id, after.features_key) == (before.id, before.features_key)
