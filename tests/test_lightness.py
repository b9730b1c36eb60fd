"""Commands that only look import nothing heavy: no torch, no pandas, no SciPy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


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
     ["list", "features"], ["list", "tasks"], ["store"]],
    ids=" ".join,
)
def test_light_commands_import_nothing_heavy(store: Path, args: list[str]) -> None:
    assert _heavy(CALL.format(args=args), store) == []


def test_a_plan_over_known_facts_imports_nothing_heavy(store: Path, tmp_path: Path) -> None:
    toys, card = tmp_path / "plugins", tmp_path / "card.toml"
    toys.mkdir()
    (toys / "light.py").write_text(LIGHT)
    for i, name in enumerate(["r.png", "a.png", "b.png"]):
        Image.fromarray(np.full((24, 24, 3), i, np.uint8)).save(tmp_path / name)
    (tmp_path / "s.csv").write_text("image,reference,mos\na.png,r.png,3\nb.png,r.png,2\n")
    card.write_text(
        'name = "mine"\n[table]\nfile = "s.csv"\n[table.columns]\nimage = "image"\n'
        'reference = "reference"\nscore = "mos"\n[score]\nkind = "mos"\nhigher_is_better = true\n'
    )
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
