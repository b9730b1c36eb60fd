"""How a run looks while it runs: a live bar on a terminal, one plain line a cell elsewhere."""

from __future__ import annotations

import contextlib
import logging
import time
from typing import IO, TYPE_CHECKING, Any

from benchbench import progress
from benchbench.report.names import cell_title

if TYPE_CHECKING:
    from benchbench.cells import Cell, Sweep
    from benchbench.records import Record


class Display:
    """Is told how the run goes and shows it on ``stream``."""

    def __init__(self, stream: IO[str]) -> None:
        self.stream = stream
        self.live: Any = None
        self._bars: dict[str, Any] = {}
        self._said = 0.0
        self._handler = _Lines(self)

    def __enter__(self) -> Display:
        if self.stream.isatty():
            self.live = _rich_progress(self.stream)
            self.live.start()
        self._before = progress.set_reporter(self.fitting)
        log = logging.getLogger("benchbench")
        log.addHandler(self._handler)
        log.setLevel(logging.INFO)
        return self

    def __exit__(self, *_: object) -> None:
        progress.set_reporter(self._before)
        logging.getLogger("benchbench").removeHandler(self._handler)
        if self.live is not None:
            self.live.stop()

    def sweep(self, sweep: Sweep, extractors: int) -> None:
        name = (f"{sweep.source.made.selector} × {sweep.lens.made.selector}: "
                f"{sweep.source.facts.n_images} images, {_count(extractors, 'extractor')}")
        self._bars.pop("sweep", None)
        if self.live is not None:
            self._bars["sweep"] = self.live.add_task(name, total=sweep.source.facts.n_images)
        else:
            self.say(f"sweep   {name}")

    def progress(self, done: int, total: int) -> None:
        if self.live is not None and "sweep" in self._bars:
            self.live.update(self._bars["sweep"], completed=done, total=total)

    def fitting(self, what: str, done: int, total: int) -> None:
        """Progress of something that is fitted or prepared before the sweep."""
        if self.live is not None:
            if what not in self._bars:
                self._bars[what] = self.live.add_task(what, total=total)
            self.live.update(self._bars[what], completed=done, total=total)
        elif done == 0 or time.monotonic() - self._said > 20:
            self.say(f"prepare {what}: {done} of {total}")

    def cell(self, cell: Cell, record: Record, cached: bool) -> None:
        if self.live is not None and record.status in ("ok", "skipped"):
            return
        word = "stored" if cached and record.status == "ok" else record.status
        tail = f": {record.reason}" if record.reason else _primary(record)
        self.say(f"{word:7} {cell_title(record)}{tail}")

    def say(self, text: str) -> None:
        self._said = time.monotonic()
        if self.live is not None:
            self.live.console.print(text, highlight=False, markup=False)
        else:
            with contextlib.suppress(BrokenPipeError):
                self.stream.write(text + "\n")
                self.stream.flush()


class _Lines(logging.Handler):
    def __init__(self, display: Display) -> None:
        super().__init__(logging.INFO)
        self.display = display

    def emit(self, record: logging.LogRecord) -> None:
        self.display.say(record.getMessage())


def _primary(record: Record) -> str:
    for name in record.task.metrics[:1]:
        score = record.scores.get(name)
        if score is not None:
            return f"  {name} {score.value:.3f}" if score.value is not None else f"  {score.note}"
    return ""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _rich_progress(stream: IO[str]) -> Any:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    class Speed(ProgressColumn):
        def render(self, task: Any) -> Any:
            from rich.text import Text

            speed = task.finished_speed or task.speed
            return Text(f"{speed:.1f}/s" if speed else "")

    return Progress(TextColumn("{task.description}"), BarColumn(bar_width=20),
                    MofNCompleteColumn(), Speed(), TimeRemainingColumn(),
                    console=Console(file=stream))
