"""Where plugins come from: first-party modules, installed distributions, single files.

First-party plugins are the modules of ``benchbench_plugins``; outsiders' come as entry points of
the group ``benchbench`` or as single files in the folders of ``BENCHBENCH_PLUGIN_PATH``.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import pkgutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from benchbench.errors import BenchbenchError
from benchbench.identity import digest, version


@dataclass(slots=True)
class Plugin:
    """One plugin: where it comes from, what it gives, and what is wrong with it."""

    name: str
    origin: str
    version: str
    path: Path | None = None
    provides: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    traceback: str | None = None


def plugin_sources() -> Iterator[tuple[Plugin, Callable[[], Any]]]:
    """Every plugin and how to load it: first-party, then installed, then single files."""
    import benchbench_plugins

    release = version("benchbench-harness")
    for info in sorted(pkgutil.iter_modules(benchbench_plugins.__path__), key=lambda i: i.name):
        name = f"benchbench_plugins.{info.name}"
        yield Plugin(name, "first-party", release), partial(importlib.import_module, name)
    for point in sorted(importlib.metadata.entry_points(group="benchbench"),
                        key=lambda p: (p.name, p.value)):
        dist = point.dist
        origin = f"distribution {dist.name}" if dist else "entry point"
        yield Plugin(point.name, origin, dist.version if dist else "?"), point.load
    for folder in filter(None, os.environ.get("BENCHBENCH_PLUGIN_PATH", "").split(os.pathsep)):
        path = Path(folder).expanduser().absolute()
        if not path.is_dir():
            missing = Plugin(str(path), "plugin folder", "")
            yield missing, partial(_missing, path)
            continue
        for file in sorted(path.glob("*.py")):
            if not file.name.startswith(("_", "test_")):
                yield Plugin(file.stem, f"file {file}", "", file), partial(load_file, file)


def built_in() -> Any:
    """What the harness itself registers."""
    return importlib.import_module("benchbench.no_backbone")


def _missing(path: Path) -> Any:
    raise BenchbenchError(f"plugin folder {path} does not exist; check --plugin-dir")


def load_file(path: Path) -> ModuleType:
    """A single file as a module of a name of its own. Raises what the file raises."""
    name = f"benchbench_file_{path.stem}_{digest(str(path))[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise BenchbenchError(f"{path} cannot be loaded as a module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def code_unit(module: Any) -> Path | None:
    """The file of a plugin's module, or its folder where it is a package."""
    file = getattr(module, "__file__", None)
    if file is None:
        return None
    path = Path(file)
    return path.parent if path.name == "__init__.py" else path
