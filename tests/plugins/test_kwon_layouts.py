"""Kwon et al.'s outlier experiment by its one command, on miniatures of both CURE-TSR layouts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchbench_plugins.sign_challenges import CHALLENGES
from click.testing import CliRunner

from benchbench import dataset
from benchbench.cli import cli
from tests.datasets.layouts import picture

ROWS = ("latent,grad[loss=reconstruction,layer=up_6,reduce=full],"
        "grad[loss=kl,layer=down_6,reduce=full],"
        "grad[loss=kl,layer=down_6,reduce=full]+grad[loss=reconstruction,layer=up_6,reduce=full]")
TYPES = {"Decolorization": "01", "LensBlur": "02", "CodecError": "03", "Darkening": "04",
         "DirtyLens": "05", "Exposure": "06", "GaussianBlur": "07", "Noise": "08", "Rain": "09",
         "Shadow": "10", "Snow": "11", "Haze": "12"}
TESTED = "decolorization+codec-error+noise+lens-blur+dirty-lens+rain"


def official(root: Path) -> None:
    for i in range(12):
        part = "Train" if i < 8 else "Test"
        picture(root / f"cure-tsr/Real_{part}/ChallengeFree/01_01_00_00_{i:04}.bmp", i)
        for name, number in TYPES.items():
            if part == "Test" or name == "GaussianBlur":
                path = f"cure-tsr/Real_{part}/{name}-1/01_01_{number}_01_{i:04}.bmp"
                picture(root / path, 100 * int(number) + i)


def folds(root: Path) -> None:
    home = root / "cure-tsr-folds"
    for i in range(12):
        part = "train" if i < 6 else "val" if i < 9 else "test"
        picture(home / f"RealChallengeFree/{part}/01_01_00_00_00_05_{i:04}.bmp", i)
        for name, number in TYPES.items():
            if part == "test" or name == "GaussianBlur":
                image = f"01_01_{number}_01_00_05_{i:04}.bmp"
                picture(home / f"RealChallenge/{number}_01/{part}/{image}", 100 * int(number) + i)


@pytest.mark.parametrize(("name", "make"), [("cure-tsr", official), ("cure-tsr-folds", folds)])
def test_one_command_gives_the_four_rows(
    name: str, make: object, tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path)  # type: ignore[operator]
    monkeypatch.setenv("BENCHBENCH_DATA", str(tmp_path))
    found = set(dataset(name).table()["distortion"]) - {"none"}
    assert {f"cure-tsr-{kind}" for kind in found} == set(CHALLENGES)
    task = f"ood[mode=outlier-exposure,exposed=gaussian-blur,test={TESTED},runs=1,epochs=2]"
    done = CliRunner().invoke(cli, [
        "run", "--dataset", name, "--backbone", f"kwon-vae[source={name},epochs=2]", "--features",
        ROWS, "--task", task, "--no-controls", "--out", str(tmp_path / "runs")])  # fmt: skip
    assert done.exit_code == 0, done.output
    records = [json.loads(path.read_text()) for path in (tmp_path / "runs/cells").glob("*.json")]
    assert [record["status"] for record in records] == ["ok"] * 4
    for record in records:
        kinds = {name for name in record["scores"] if name.startswith("accuracy ")}
        assert kinds == {f"accuracy {kind}" for kind in TESTED.split("+")}
