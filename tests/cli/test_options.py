"""Options that commands share: selections, ``--config``, folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

CONFIG = """
features = ["mean[scale=2]", "spread"]
task = "sum"
dataset = "pictures"
backbone = "net"
seed = [0, 1]
limit = 9
max-feature-gb = 1.5
controls = false
"""


@pytest.fixture
def config(toys: Path, tmp_path: Path) -> Path:
    path = tmp_path / "run.toml"
    path.write_text(CONFIG)
    return path


def _cells(call: Any, *args: Any) -> list[dict[str, Any]]:
    done = call("plan", "--json", *args)
    assert done.code == 0, done.err
    found: list[dict[str, Any]] = json.loads(done.out)
    return found


def test_a_file_is_as_good_as_options(call: Any, config: Path) -> None:
    cells = _cells(call, "--config", config)
    assert [(c["extractor"], c["seed"]) for c in cells] == [
        ("mean[scale=2]", 0), ("mean[scale=2]", 1), ("spread", 0), ("spread", 1)]
    by_options = _cells(
        call, "--features", "mean[scale=2],spread", "--task", "sum", "--dataset", "pictures",
        "--backbone", "net", "--seed", "0,1", "--limit", "9", "--max-feature-gb", "1.5",
        "--no-controls")
    assert by_options == cells


def test_what_is_said_on_the_command_line_comes_first(call: Any, config: Path) -> None:
    cells = _cells(call, "--config", config, "--features", "mean", "--seed", "5")
    assert [(c["extractor"], c["seed"]) for c in cells] == [("mean", 5)]
    # A default that is written out is said, too.
    assert len(_cells(call, "--config", config, "--seed", "0")) == 2


def test_run_takes_its_own_options_from_the_file(call: Any, config: Path, tmp_path: Path) -> None:
    config.write_text(CONFIG + f'out = "{tmp_path}/there"\ndevice = "cpu"\nbatch-size = 4\n'
                      'retry = "all"\ntimeout = 60\n')
    done = call("run", "--config", config)
    assert done.code == 0 and len(list((tmp_path / "there" / "cells").iterdir())) == 4
    record = json.loads(next((tmp_path / "there" / "cells").iterdir()).read_text("utf-8"))
    assert record["cost"]["batch_size"] == 4


def test_folders_may_stand_in_the_file(call: Any, config: Path, toys: Path,
                                       monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("BENCHBENCH_PLUGIN_PATH")
    assert call("plan", "--config", config).code == 2
    config.write_text(CONFIG + f'plugin-dir = "{toys}"\ndata_root = "{tmp_path}"\n')
    assert len(_cells(call, "--config", config)) == 4


def test_a_folder_on_the_command_line_comes_before_the_file_s(
    call: Any, config: Path, toys: Path, tmp_path: Path
) -> None:
    config.write_text(CONFIG + f'plugin-dir = "{tmp_path}/none"\n')
    assert len(_cells(call, "--config", config, "--plugin-dir", toys)) == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("feature = 'mean'", r"unknown key 'feature'; did you mean 'features'?"),
        ("colour = 'red'", "unknown key 'colour'; keys: features, "),
        ("config = 'other.toml'", "unknown key 'config'"),
        ("limit = 0", "key 'limit': 0 is not in the range"),
        ("limit = 'ten'", "key 'limit': 'ten' is not a valid integer range"),
        ("precision = 'half'", "key 'precision': 'half' is not one of"),
        ("features = 'mean", "not valid TOML"),
        ("seed = ['x']", "--seed 'x': expected whole numbers"),
    ],
)
def test_a_wrong_file(call: Any, toys: Path, tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "run.toml"
    path.write_text(text)
    done = call("plan", "--config", path)
    assert done.code == 2 and said in done.err and "Traceback" not in done.err


def test_a_file_that_is_not_there(call: Any, tmp_path: Path) -> None:
    done = call("run", "--config", tmp_path / "none.toml")
    assert done.code == 2 and "does not exist" in done.err


def test_a_plugin_folder_that_is_not_there_is_listed(
    call: Any, store: Path, tmp_path: Path
) -> None:
    done = call("plugins", "--plugin-dir", tmp_path / "none")
    assert done.code == 0
    assert f"plugin folder {tmp_path}/none does not exist; check --plugin-dir" in done.out
