"""Plans: which cells there are, what they are called, and what cannot be, before any work."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from benchbench.cells import Cell, Plan
from benchbench.errors import BenchbenchError, DataError, UsageError
from benchbench.plan import make_plan
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
    with pytest.raises(BenchbenchError, match=r"'gone' of plugin bad: no.module:X cannot"):
        _plan("gone")


# What cannot be.


def test_what_cannot_be_is_there_with_its_reason(toys: Path) -> None:
    plan = _plan("mean,behind", task="iqa,sum", dataset="pictures,pictures[labels=bare]")
    reasons = {(str(c.extractor.selector), str(c.task.selector), str(c.source.made.selector)):
               c.reason for c in plan.cells}
    bare = "pictures[labels=bare]"
    assert reasons["mean", "iqa[mode=fr]", bare] == (
        "dataset pictures has no column 'reference', which task iqa needs; choose a dataset that "
        "has it, or another task")
    assert reasons["mean", "iqa[mode=nr]", bare] is None
    assert reasons["behind", "sum", bare] == (
        "dataset pictures has no references, which a full-reference extractor needs; choose a "
        "dataset with references, or an extractor that needs none, such as activation")
    assert reasons["behind", "sum", "pictures"] is None
    assert plan.runnable == [c for c in plan.cells if c.reason is None]


def test_a_hopeless_request_is_a_wrong_call(toys: Path) -> None:
    with pytest.raises(UsageError, match=r"^feature refuses: refuses: this backbone has nothing"):
        _plan("mean,refuses")
    with pytest.raises(UsageError, match=r"^task maps: task maps takes map, not a vector$"):
        _plan("mean", task="sum,maps")
    with pytest.raises(UsageError, match="no column 'label', which task labelled needs"):
        _plan("mean", task="labelled")
    with pytest.raises(UsageError, match="only vectors can be joined"):
        _plan("mean+sharpness")
    with pytest.raises(UsageError, match="task iqa takes score, not a vector"):
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
    with pytest.raises(DataError, match=r"torn: its model cannot be built and run \(OSError: half"):
        _plan(backbone="torn")


# Backbones where none is named.


def _own(toys: Path, **backbones: str) -> None:
    """Give toy extractors a backbone of their own."""
    text = (toys / "toy.py").read_text("utf-8")
    for name, backbone in backbones.items():
        text = text.replace(f'name = "{name}"\n', f'name = "{name}"\n    backbone = "{backbone}"\n')
    (toys / "toy.py").write_text(text, encoding="utf-8")
    forget_plugins()


def test_each_extractor_has_its_own_backbone(toys: Path) -> None:
    _own(toys, mean="net", spread="net[seed=1]", sharpness="net")
    found = [(str(c.extractor.selector), str(c.lens.made.selector))
             for c in _plan("mean,error,spread,sharpness,mean+product", backbone=None).cells]
    assert found == [("mean", "net"), ("sharpness", "net"), ("mean+product", "net"),
                     ("error", "none"), ("spread", "net[seed=1]")]
    named = [str(c.lens.made.selector) for c in _plan("mean,spread").cells]
    assert named == ["net", "net"]
    assert _plan("mean", backbone=None).cells[0].id == _only("mean").id
    with pytest.raises(UsageError, match=r"mean\+spread: its parts are run with different backbones"
                       r" \(mean with net, spread with net\[seed=1\]\); choose one with --back"):
        _plan("mean+spread", backbone=None)


def test_what_looks_at_pixels_alone_asks_for_no_backbone(toys: Path) -> None:
    _own(toys, error="torn", product="torn")
    cells = _plan("error,product", backbone=None, controls=True, task="iqa,sum").cells
    assert {str(c.lens.made.selector) for c in cells} == {"none"}
    assert all(cell.reason is None for cell in cells if not cell.control)


# Images that are too small.


def test_images_that_are_too_small_are_said_in_the_plan(toys: Path) -> None:
    (toys / "least.py").write_text(
        "from benchbench import Extractor, Pixels, hookimpl\n"
        "class Least(Extractor):\n"
        "    name, needs_backbone = 'least', False\n"
        "    def __init__(self, side: int = 21): self.least_side = side\n"
        "    def probes(self, facts): return [Pixels()]\n"
        "    def shape(self, facts): return (1,)\n"
        "@hookimpl\n"
        "def benchbench_extractors(): return [Least]\n"
    )
    forget_plugins()
    cells = _plan("least,least[side=20]", dataset="pictures").cells
    assert [cell.reason for cell in cells] == [
        "dataset pictures: image 'c1_l1' is 28x20 (height x width); extractor least needs at least "
        "21 pixels a side; use larger images or another extractor", None]
    text = (toys / "toy.py").read_text("utf-8")
    (toys / "toy.py").write_text(text.replace('name = "net"', 'name = "net"\n    least_side = 18'))
    forget_plugins()
    cells = _plan("mean,mean+spread", backbone="net,net[size=16]").cells
    assert [cell.reason is None for cell in cells] == [True, True, False, False]
    assert cells[2].reason == (
        "dataset pictures: image 'c1_l1' is 28x20 (height x width), prepared as 16x16; backbone "
        "net[size=16] needs at least 18 pixels a side; use larger images or another backbone")
