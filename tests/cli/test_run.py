"""``benchbench run``: exit codes, the table, the paths, and messages before the work."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TOY = ("--task", "sum", "--dataset", "pictures", "--backbone", "net", "--device", "cpu",
       "--no-controls")


def test_a_run_prints_the_table_the_paths_and_the_count(toys: Path, tmp_path: Path,
                                                         call: Any) -> None:
    out = tmp_path / "out"
    done = call("run", *TOY, "--features", "mean,spread", "--out", out)
    assert done.code == 0
    table, closing = done.out.split("written: ")
    assert table.startswith("sum · pictures\n24 images, 6 groups, scores: mos\n")
    assert re.search(r"^mean +net +\d\.\d{3} +none$", table, re.M)
    assert closing == (f"{out}/leaderboard.md, {out}/leaderboard.csv, records in {out}/cells\n"
                       "2 cells: 2 ok\n")
    assert (out / "leaderboard.md").read_text("utf-8").startswith("## sum · pictures")
    lines = done.err.splitlines()
    assert "sweep   pictures × net: 30 images, 2 extractors" in lines
    cells = [line for line in lines if line.startswith("ok ")]
    assert len(cells) == 2 and re.fullmatch(
        r"ok      [0-9a-f]{8}  mean · net · pictures · sum  error \d\.\d{3}", cells[0])


def test_again_prints_the_same_table_and_computes_nothing(toys: Path, tmp_path: Path,
                                                          call: Any) -> None:
    args = ("run", *TOY, "--features", "mean,spread", "--out", tmp_path / "out")
    first, second = call(*args), call(*args)
    assert second.out == first.out and second.code == 0
    assert [line.split()[0] for line in second.err.splitlines()] == ["stored", "stored"]


def test_failures_end_with_one_and_are_named(toys: Path, tmp_path: Path, call: Any) -> None:
    args = ("run", *TOY, "--features", "mean,raises,greedy", "--out", tmp_path / "out")
    for _ in range(2):
        done = call(*args)
        assert done.code == 1
        assert "3 cells: 1 ok, 1 failed, 1 oom" in done.out
        assert "  failed: raises · sum: ValueError: the extractor is at a loss" in done.out
        assert "`--retry failed` tries again" in done.out
        assert "Traceback" not in done.out + done.err


def test_skipped_cells_are_no_failure(toys: Path, tmp_path: Path, call: Any) -> None:
    done = call("run", *TOY[:2], "--dataset", "pictures,pictures[labels=bare]", *TOY[4:],
                "--features", "behind", "--out", tmp_path / "out")
    assert done.code == 0
    assert "2 cells: 1 ok, 1 skipped" in done.out
    assert "  skipped: behind · sum: dataset pictures has no references" in done.out
    assert "tries again" not in done.out


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--features", "maen"], "unknown extractor 'maen'; did you mean 'mean'?"),
        (["--backbone", "ent"], "unknown backbone 'ent'; did you mean 'net'?"),
        (["--dataset", "picture"], "unknown dataset 'picture'; did you mean 'pictures'?"),
        (["--task", "smu"], "unknown task 'smu'; did you mean 'sum'?"),
        (["--features", "mean[scael=1]"], "(its parameters: scale)"),
        (["--features", "mean,,spread"], "an item is empty"),
        (["--features", "mean[scale"], "is not closed"),
        (["--seed", "one"], "--seed 'one': expected whole numbers"),
        (["--seed", "-1"], "expected whole numbers from 0"),
        (["--limit", "0"], "'--limit'"),
        (["--precision", "half"], "'--precision'"),
        (["--timeout", "0"], "'--timeout'"),
        (["--retry", "often"], "'--retry'"),
        (["--device", "toaster"], "device 'toaster': expected auto, cpu, cuda or cuda:N"),
        (["--fetures", "mean"], "o such option"),
        (["extra"], "unexpected extra argument"),
    ],
)
def test_a_wrong_call_ends_with_two(
    toys: Path, tmp_path: Path, call: Any, args: list[str], said: str
) -> None:
    done = call("run", *TOY, "--features", "mean", "--out", tmp_path / "out", *args)
    assert done.code == 2 and said in done.err and done.out == ""
    assert not (tmp_path / "out" / "cells").exists()


def test_an_unknown_command(call: Any) -> None:
    done = call("rnu")
    assert done.code == 2 and "unknown command 'rnu'; did you mean 'run'?" in done.err
    assert call("--help").code == 0 and call("run", "--help").code == 0
    assert re.fullmatch(r"benchbench, version \d.*\n", call("--version").out)


def test_a_folder_that_cannot_be_written_is_said_before_any_work(
    toys: Path, tmp_path: Path, call: Any, store: Path
) -> None:
    (tmp_path / "file").write_text("")
    done = call("run", *TOY, "--features", "mean", "--out", tmp_path / "file" / "out")
    assert done.code == 2
    assert re.search(r"error: --out .*/file/out: cannot be written \(.*\); choose a", done.err)
    # Not even the backbone was built.
    assert not (store / "backbones").exists() and not (store / "datasets").exists()


def test_a_store_that_cannot_be_written_is_said_before_any_work(
    toys: Path, tmp_path: Path, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BENCHBENCH_STORE", str(tmp_path / "file" / "store"))
    done = call("run", *TOY, "--features", "mean", "--out", tmp_path / "out")
    assert done.code == 2 and "BENCHBENCH_STORE" in done.err and "sweep" not in done.err


def test_unusable_data_are_named_before_the_sweep(toys: Path, tmp_path: Path, call: Any) -> None:
    (tmp_path / "s.csv").write_text("image,mos\na.png,3\n")
    card = tmp_path / "mine.toml"
    card.write_text('name = "mine"\n[table]\nfile = "s.csv"\n[table.columns]\nimage = "image"\n'
                    'score = "mos"\n[score]\nkind = "mos"\nhigher_is_better = true\n')
    args = ("run", *TOY[:2], "--dataset", card, *TOY[4:], "--features", "mean",
            "--out", tmp_path / "out")
    done = call(*args)
    assert done.code == 2 and re.search(r"row 1: .*/a\.png: no such file", done.err)
    (tmp_path / "s.csv").write_text("image,mos\na.png,good\n")
    done = call(*args)
    assert done.code == 2 and re.search(r"s\.csv, line 2: mos is 'good', expected", done.err)


def test_single_file_plugins_by_option(toys: Path, tmp_path: Path, call: Any,
                                       monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BENCHBENCH_PLUGIN_PATH")
    args = ("run", *TOY, "--features", "mean", "--out", tmp_path / "out")
    assert call(*args).code == 2
    assert call(*args, "--plugin-dir", toys).code == 0


def test_an_interruption_says_how_to_go_on(toys: Path, tmp_path: Path, call: Any,
                                           monkeypatch: pytest.MonkeyPatch) -> None:
    from benchbench import sweep

    def stop(self: Any, rows: Any, values: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sweep.FeatureWriter, "write", stop)
    done = call("run", *TOY, "--features", "mean", "--out", tmp_path / "out")
    assert done.code == 130 and "interrupted; the same command goes on from here" in done.err


def test_a_reader_that_stops_listening_is_no_error(toys: Path, tmp_path: Path, store: Path) -> None:
    """As in ``benchbench list features | head -1``."""
    command = [sys.executable, "-c", "from benchbench.cli import main; main()", "list", "features"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=dict(os.environ))
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()
    process.wait()


def test_on_a_terminal(toys: Path, tmp_path: Path, call: Any) -> None:
    """The live display, on a stream that says it is a terminal."""
    import io

    from benchbench.cli.display import Display
    from benchbench.executors.local import LocalExecutor, Options
    from tests.toys import selection

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    with Display(stream) as display:
        LocalExecutor(Options(tmp_path / "out", "cpu"), display).run(selection("mean,raises"))
    shown = stream.getvalue()
    assert "30/30" in shown and "pictures" in shown
    assert "ValueError: the extractor is at a loss" in " ".join(shown.split())
