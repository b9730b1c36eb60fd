"""Plans: which cells there are, what they are called, and what cannot be, before any work."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchbench.errors import BenchbenchError, DataError, UsageError
from benchbench.plan import Cell, Plan, make_plan
from tests.toys import forget_plugins, selection


def _plan(features: str = "mean", **changes: Any) -> Plan:
    return make_plan(selection(features, **changes))


def _only(features: str = "mean", **changes: Any) -> Cell:
    (cell,) = _plan(features, **changes).cells
    return cell


def _titles(plan: Plan) -> list[str]:
    return [f"{c.extractor.selector} {c.task.selector}" for c in plan.cells]


def test_the_grid(toys: Path) -> None:
    plan = _plan("mean,mean+spread,sharpness", task="sum,iqa", seeds=(0, 1),
                 backbone="net,net[seed=1]")
    assert len(plan.cells) == 2 * 2 * (3 + 2 * 2 + 1)
    assert len({cell.id for cell in plan.cells}) == len(plan.cells)
    assert _titles(_plan("mean,sharpness", task="iqa")) == [
        "mean iqa[mode=fr]", "mean iqa[mode=nr]", "sharpness iqa[mode=score]"]
    assert all(len(cell.id) == 16 and cell.reason is None for cell in plan.cells)


def test_doubles_are_one_cell(toys: Path) -> None:
    assert len(_plan("mean,mean[scale=1],mean[scale=1.0]").cells) == 1
    assert len(_plan("mean", dataset="pictures,pictures[levels=4]").cells) == 1
    assert len(_plan("error", backbone="net,net[seed=1]").cells) == 1


def test_sweeps_one_per_dataset_and_backbone(toys: Path) -> None:
    plan = _plan("error,mean,spread,product", task="sum,iqa", backbone="net,net[seed=1]",
                 dataset="pictures,pictures[contents=3]")
    sweeps = plan.sweeps(plan.cells)
    assert [(str(s.source.made.selector), str(s.lens.made.selector)) for s in sweeps] == [
        ("pictures", "net"), ("pictures", "net[seed=1]"),
        ("pictures[contents=3]", "net"), ("pictures[contents=3]", "net[seed=1]")]
    assert sum(len(sweep.cells) for sweep in sweeps) == len(plan.cells)
    # What looks at pixels alone rides along with the first backbone, so that nothing is decoded
    # for it.
    assert "error" in {c.extractor.selector.name for c in sweeps[0].cells}
    alone = _plan("error").sweeps(_plan("error").cells)
    assert [str(s.lens.made.selector) for s in alone] == ["none"]


def test_controls_are_always_there(toys: Path) -> None:
    (toys / "chance.py").write_text(
        "from benchbench import Extractor, Pixels, hookimpl\n"
        "class Chance(Extractor):\n"
        "    name, control, needs_backbone = 'chance', True, False\n"
        "    def probes(self, facts): return [Pixels()]\n"
        "    def shape(self, facts): return (1,)\n"
        "@hookimpl\n"
        "def benchbench_extractors(): return [Chance]\n"
    )
    forget_plugins()
    plan = _plan("mean,spread", task="iqa", controls=True)
    control = [t for t, c in zip(_titles(plan), plan.cells, strict=True) if c.control]
    assert "chance iqa[mode=fr]" in control and "chance iqa[mode=nr]" in control
    assert "mean iqa[labels=shuffled,mode=nr]" in control
    assert not any(t.startswith("spread") for t in control)
    assert [c.control for c in _plan("chance", task="iqa", controls=True).cells].count(False) == 0
    assert not any(c.control for c in _plan("mean", task="iqa", controls=False).cells)


def test_a_broken_control_harms_nothing(toys: Path) -> None:
    (toys / "bad.py").write_text(
        "from benchbench import Component, Extractor, hookimpl\n"
        "class Sore(Extractor):\n"
        "    name, control = 'sore', True\n"
        "    def __init__(self): raise RuntimeError('sore')\n"
        "@hookimpl\n"
        "def benchbench_extractors(): return [Sore, Component('gone', 'no.module:X')]\n"
    )
    forget_plugins()
    names = {c.extractor.selector.name for c in _plan("mean", controls=True).cells}
    assert "mean" in names and not {"sore", "gone"} & names
    with pytest.raises(BenchbenchError, match=r"Sore cannot be made of .*RuntimeError: sore"):
        _plan("sore")
    with pytest.raises(BenchbenchError, match="extractor 'gone' of plugin bad: no.module:X cannot"):
        _plan("gone")


# What a cell's id knows.


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
    assert _only("mean[scale=1.0]", backbone="net[most=0,seed=0]").id == _only().id
    assert _only(max_feature_gb=1.0).id == _only().id


def test_the_id_is_the_digest_of_the_identity(toys: Path) -> None:
    from benchbench.identity import digest

    cell = _only()
    assert cell.id == digest(cell.identity)[:16]
    assert cell.features_key == digest(cell.sees)
    assert "libraries" in cell.sees and "libraries" not in cell.identity


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


# What cannot be.


def test_what_cannot_be_is_there_with_its_reason(toys: Path) -> None:
    plan = _plan("mean,behind", task="iqa,sum", dataset="pictures,pictures[labels=bare]")
    reasons = {(str(c.extractor.selector), str(c.task.selector), str(c.source.made.selector)):
               c.reason for c in plan.cells}
    bare = "pictures[labels=bare]"
    assert reasons["mean", "iqa[mode=fr]", bare] == (
        "dataset pictures has no column 'reference', which task iqa needs")
    assert reasons["mean", "iqa[mode=nr]", bare] is None
    assert reasons["behind", "sum", bare] == (
        "dataset pictures has no references, which a full-reference extractor needs")
    assert reasons["behind", "sum", "pictures"] is None
    assert plan.runnable == [c for c in plan.cells if c.reason is None]


def test_a_hopeless_request_is_a_wrong_call(toys: Path) -> None:
    with pytest.raises(UsageError, match=r"^feature refuses: refuses: this backbone has nothing"):
        _plan("mean,refuses")
    with pytest.raises(UsageError, match="^task maps: task maps takes map, not a vector$"):
        _plan("mean", task="sum,maps")
    with pytest.raises(UsageError, match="no column 'label', which task labelled needs"):
        _plan("mean", task="labelled")
    with pytest.raises(UsageError, match="only vectors can be joined"):
        _plan("mean+sharpness")
    with pytest.raises(UsageError, match=r"^task iqa\[mode=score\]: task iqa takes score, not a vec"):
        _plan("mean", task="iqa[mode=score]")


def test_the_disk_bill_has_a_limit(toys: Path) -> None:
    cell = _only()
    assert cell.feature_bytes == 4 * 6 * 30  # 24 rows and 6 references
    with pytest.raises(UsageError, match=r"features of shape \[6\] for 30 images need 0.0 GB, over "
                       "--max-feature-gb 1e-07; choose a smaller reduction"):
        _plan("mean", max_feature_gb=1e-7)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"features": "maen"}, "unknown extractor 'maen'; did you mean 'mean'"),
        ({"features": "mean,spraed"}, "unknown extractor 'spraed'; did you mean 'spread'"),
        ({"features": "mean+spraed"}, "unknown extractor 'spraed'; did you mean 'spread'"),
        ({"features": "xyz"}, "unknown extractor 'xyz'; known: .*mean"),
        ({"features": "mean[scael=2]"}, "mean: unknown parameter 'scael'; did you mean 'scale'"),
        ({"features": "mean[scale=big]"}, "mean: parameter scale: got 'big', expected a number"),
        ({"features": "mean[scale=nan]"}, "mean: parameter scale: got 'nan', expected a number"),
        ({"task": "iqaa"}, "unknown task 'iqaa'; did you mean 'iqa'"),
        ({"dataset": "picture"}, "unknown dataset 'picture'; did you mean 'pictures'.*card"),
        ({"dataset": "no.toml"}, "no.toml: no such file"),
        ({"backbone": "ent"}, "unknown backbone 'ent'; did you mean 'net'"),
        ({"backbone": "net[sede=1]"}, "net: unknown parameter 'sede'; did you mean 'seed'.*size"),
        ({"backbone": "net[size=huge]"}, "size"),
        ({"precision": "float16"}, "precision 'float16': expected float32, tf32, bf16"),
        ({"limit": 0}, "limit 0: expected at least 1"),
        ({"seeds": (0, -1)}, r"seeds \[0, -1\]: expected whole numbers from 0"),
        ({"seeds": ()}, r"seeds \[\]"),
    ],
)
def test_a_wrong_name_or_value(toys: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        _plan(**changes)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("badprobes", "KeyError: 'lost'"),
        ("nowidth", r"extractor nowidth: shape\(\) gave \(0,\), expected whole numbers above 0"),
    ],
)
def test_an_extractor_that_breaks_while_planning(toys: Path, name: str, said: str) -> None:
    """It is a failure with a traceback, and stops no other."""
    plan = _plan(f"mean,{name}")
    good, bad = plan.cells
    assert good.reason is None
    assert bad.reason is not None and bad.error is not None and "Traceback" in bad.error
    assert re.search(said, bad.reason)


def test_a_backbone_that_cannot_be_built(toys: Path) -> None:
    (toys / "torn.py").write_text(
        "from benchbench import Backbone, hookimpl\n"
        "class Torn(Backbone):\n"
        "    name = 'torn'\n"
        "    def build(self): raise OSError('half a file')\n"
        "@hookimpl\n"
        "def benchbench_backbones(): return [Torn]\n"
    )
    forget_plugins()
    with pytest.raises(DataError, match="backbone torn: its model cannot be built and run .OSError"):
        _plan(backbone="torn")


# Lightness.


def _heavy(code: str, store: Path) -> list[str]:
    """The heavy modules that are loaded after running some code in a fresh process."""
    code += ("\nimport sys\nprint([m for m in ('torch', 'pandas', 'scipy', 'sklearn', 'skimage', "
             "'timm') if m in sys.modules])")
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, "BENCHBENCH_STORE": str(store)})
    found: list[str] = eval(done.stdout.splitlines()[-1])
    return found


CALL = (
    "import sys\nfrom benchbench.cli import main\nsys.argv[1:] = {args!r}\n"
    "try:\n    main()\nexcept SystemExit as done:\n    assert not done.code, done.code\n"
)


@pytest.mark.parametrize(
    "args",
    [["--help"], ["run", "--help"], ["list", "datasets"], ["list", "backbones"],
     ["list", "features"], ["list", "tasks"], ["plugins"], ["store"]],
    ids=" ".join,
)
def test_light_commands_import_nothing_heavy(store: Path, args: list[str]) -> None:
    assert _heavy(CALL.format(args=args), store) == []


def test_a_plan_over_known_facts_imports_nothing_heavy(
    card: Path, toys: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (toys / "toy.py").unlink()
    (toys / "light.py").write_text(LIGHT)
    args = ["plan", "--dataset", str(card), "--backbone", "flat", "--features", "flat",
            "--task", "iqa", "--plugin-dir", str(toys)]
    assert "torch" in _heavy(CALL.format(args=args), store)
    assert _heavy(CALL.format(args=args), store) == []


LIGHT = '''
from benchbench import Activation, Backbone, Extractor, hookimpl


class FlatNet(Backbone):
    name, gives, preprocessing = "flat", ("activations",), {"size": 8}

    def build(self):
        import torch

        net = torch.nn.Sequential()
        net.add_module("only", torch.nn.Conv2d(3, 2, 1))
        return net.eval()


class Flat(Extractor):
    name = "flat"

    def probes(self, facts):
        return [Activation("only")]

    def shape(self, facts):
        return (facts.layer("only").channels,)


@hookimpl
def benchbench_backbones():
    return [FlatNet]


@hookimpl
def benchbench_extractors():
    return [Flat]
'''
