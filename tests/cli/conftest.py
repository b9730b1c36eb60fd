"""The command line within the process: its exit code and what it wrote."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest


class Called(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def call(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, fresh_registry: None
) -> Iterator[Callable[..., Called]]:
    """``call("run", "--features", …)`` as ``benchbench run --features …``."""
    from benchbench.cli import main
    from tests.toys import forget_plugins

    kept = dict(os.environ)

    def run(*args: object) -> Called:
        forget_plugins()
        monkeypatch.setattr("sys.argv", ["benchbench", *map(str, args)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Called(int(ended.value.code or 0), captured.out, captured.err)

    yield run
    for name in os.environ.keys() - kept.keys():
        del os.environ[name]
    os.environ.update(kept)
