"""The toy plugins, and a way to run them.

Their files are copied into a folder of the test's own and loaded through
``BENCHBENCH_PLUGIN_PATH``, as an outsider's single files are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PLUGINS = {"toy.py": "toy_plugin.py", "faults.py": "toy_faults.py"}


def write_plugins(folder: Path) -> None:
    """Both plugin files, into a new folder."""
    folder.mkdir()
    for name, source in PLUGINS.items():
        text = Path(__file__).with_name(source).read_text(encoding="utf-8")
        (folder / name).write_text(text, encoding="utf-8")


def forget_plugins() -> None:
    """What is remembered of plugins and their files within a process."""
    from benchbench.identity import code_digest
    from benchbench.registry import registry

    registry.cache_clear()
    code_digest.cache_clear()


@dataclass
class Told:
    """A reporter that writes down what it is told."""

    sweeps: list[tuple[str, str, int]] = field(default_factory=list)
    cells: list[tuple[str, str, bool]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    done: list[tuple[int, int]] = field(default_factory=list)

    def sweep(self, sweep: Any, extractors: int) -> None:
        self.sweeps.append((str(sweep.source.made.selector), str(sweep.lens.made.selector),
                            extractors))

    def progress(self, done: int, total: int) -> None:
        self.done.append((done, total))

    def cell(self, cell: Any, record: Any, cached: bool) -> None:
        self.cells.append((cell.id, record.status, cached))

    def say(self, text: str) -> None:
        self.said.append(text)


def selection(features: str = "mean", **changes: Any) -> Any:
    """A selection of the toys, without the control rows."""
    from benchbench.cells import Selection

    chosen = {"task": "sum", "dataset": "pictures", "backbone": "net", "controls": False}
    return Selection(features=features, **{**chosen, **changes})


def execute(out: Path, chosen: Any, **options: Any) -> tuple[list[Any], Told]:
    """Run a selection in this process: its records and what the reporter was told."""
    from benchbench.executors.local import LocalExecutor, Options

    told = Told()
    options = {"device": "cpu", "command": "benchbench run …", **options}
    return LocalExecutor(Options(out, **options), told).run(chosen), told
