"""All plugins and what they give: isolation of the broken, lookup by ``name[parameters]``.

All plugins go through the same hooks, called one by one, so that one that raises stops no other.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pluggy

from benchbench import hookspecs
from benchbench.discovery import Plugin, built_in, code_unit, load_file, plugin_sources
from benchbench.errors import BenchbenchError, UsageError, nearest
from benchbench.identity import code_digest, digest, version
from benchbench.interfaces import Backbone, Component, Dataset, Extractor, Part, Task
from benchbench.names import Selector
from benchbench.parameters import PREPROCESSING, bind, build, identity

KINDS: dict[str, type[Part]] = {
    "dataset": Dataset, "backbone": Backbone, "extractor": Extractor, "task": Task,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A registered component: its class, perhaps not imported yet."""

    kind: str
    name: str
    target: type[Part] | str
    summary: str
    plugin: Plugin

    def load(self) -> type[Part]:
        """The class. A target that cannot be imported or is of the wrong kind is said by name."""
        if not isinstance(self.target, str):
            return self.target
        module, _, attribute = self.target.partition(":")
        try:
            found = getattr(importlib.import_module(module), attribute)
        except (Exception, SystemExit) as error:  # whatever a module raises when it is imported
            raise BenchbenchError(
                f"{self.kind} {self.name!r} of plugin {self.plugin.name}: {self.target} cannot be "
                f"loaded ({type(error).__name__}: {error}); `benchbench plugins` lists the broken "
                "ones"
            ) from error
        if not (isinstance(found, type) and issubclass(found, KINDS[self.kind])):
            raise BenchbenchError(
                f"{self.kind} {self.name!r} of plugin {self.plugin.name}: {self.target} is not a "
                f"subclass of {KINDS[self.kind].__name__}"
            )
        return found


@dataclass(frozen=True, slots=True)
class Made:
    """A component made from a selector, and all that identifies it."""

    part: Any
    selector: Selector
    params: dict[str, Any]
    identity: dict[str, Any]
    plugin: str
    overrides: dict[str, str]


class Registry:
    """All plugins, and the components they give, by kind and name."""

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager("benchbench")
        self.manager.add_hookspecs(hookspecs)
        self.plugins: list[Plugin] = []
        self.entries: dict[str, dict[str, Entry]] = {kind: {} for kind in KINDS}
        self._add(Plugin("benchbench", "built in", version("benchbench-harness")), built_in)
        for plugin, load in plugin_sources():
            self._add(plugin, load)

    def names(self, kind: str) -> list[str]:
        return sorted(self.entries[kind])

    def entry(self, kind: str, name: str) -> tuple[Entry, str | None]:
        """The entry of that name and, for ``family/*``, the part of the name that ``*`` stands
        for. Raises ``UsageError`` with the nearest valid name."""
        table = self.entries[kind]
        if name in table and not name.endswith("/*"):
            return table[name], None
        family, slash, rest = name.partition("/")
        if slash and rest and f"{family}/*" in table:
            return table[f"{family}/*"], rest
        hint = nearest(name, table) or f"known: {', '.join(sorted(table)) or 'none'}"
        raise UsageError(f"unknown {kind} {name!r}; {hint}")

    def make(self, kind: str, selector: Selector) -> Made:
        """The component of a selector. Raises ``UsageError`` for a wrong name or parameter."""
        entry, rest = self.entry(kind, selector.name)
        cls = entry.load()
        hidden = "model" if rest is not None else None
        also = PREPROCESSING if kind == "backbone" else ()
        values = bind(cls, selector.params, selector.name, also, hidden)
        overrides = {k: v for k, v in selector.params.items() if k in also and k not in values}
        part = build(cls, {**values, **({"model": rest} if rest is not None else {})})
        if rest is not None:
            part.name = selector.name
        known = {
            "name": selector.name,
            "version": cls.version,
            "params": identity(values),
            "code": self._code(entry, cls),
        }
        plugin = f"{entry.plugin.name} {entry.plugin.version}".strip()
        return Made(part, selector, values, known, plugin, overrides)

    def add_file(self, path: Path) -> Plugin:
        """Load a single plugin file, unless that was done already."""
        path = path.expanduser().absolute()
        for plugin in self.plugins:
            if plugin.path == path:
                return plugin
        plugin = Plugin(path.stem, f"file {path}", "", path)
        self._add(plugin, lambda: load_file(path))
        return plugin

    def load_all(self) -> None:
        """Import every lazily declared component, so that what is missing is known by name."""
        for entries in self.entries.values():
            for entry in entries.values():
                try:
                    entry.load()
                except BenchbenchError as error:
                    if str(error) not in entry.plugin.problems:
                        self._broken(entry.plugin, error)

    def notify(self, record: Any) -> list[str]:
        """Tell the observers of a finished cell; what they raise comes back as text."""
        failed = []
        for impl in self.manager.hook.benchbench_cell_finished.get_hookimpls():
            try:
                impl.function(*([record] if impl.argnames else []))
            except (Exception, SystemExit) as error:
                failed.append(f"observer {impl.plugin_name}: {type(error).__name__}: {error}")
        return failed

    def _add(self, plugin: Plugin, load: Callable[[], Any]) -> None:
        self.plugins.append(plugin)
        try:
            module = load()
            if plugin.path is None:
                plugin.path = code_unit(module)
            self._check_hooks(plugin, module)
            if self.manager.has_plugin(plugin.name):
                raise BenchbenchError(f"plugin name {plugin.name!r} is taken; rename the file")
            self.manager.register(module, plugin.name)
        except (Exception, SystemExit) as error:
            self._broken(plugin, error)
            return
        for kind in KINDS:
            caller = getattr(self.manager.hook, f"benchbench_{kind}s")
            for impl in caller.get_hookimpls():
                if impl.plugin_name == plugin.name:
                    self._ask(kind, impl.function, plugin)
        if callable(getattr(module, "rows", None)):  # what a card's table.adapter names
            plugin.provides.append(f"adapter {module.__name__}")

    def _ask(self, kind: str, hook: Callable[[], Any], plugin: Plugin) -> None:
        """Enter what a hook gives, one by one: a component that is refused stops no other."""
        where = f"hook benchbench_{kind}s: "
        try:
            for given in hook():
                try:
                    self._enter(kind, given, plugin)
                except BenchbenchError as error:
                    self._broken(plugin, error, where)
        except (Exception, SystemExit) as error:
            self._broken(plugin, error, where)

    def _enter(self, kind: str, given: Any, plugin: Plugin) -> None:
        if isinstance(given, Component):
            entry = Entry(kind, given.name, given.target, given.summary, plugin)
        elif isinstance(given, type) and issubclass(given, KINDS[kind]) and given.name:
            entry = Entry(kind, given.name, given, given.summary, plugin)
        else:
            raise BenchbenchError(
                f"{given!r} is neither a Component nor a {KINDS[kind].__name__} class with a name"
            )
        taken = self.entries[kind].get(entry.name)
        if taken is not None:
            raise BenchbenchError(
                f"{kind} name {entry.name!r} is taken by plugin {taken.plugin.name}; rename it"
            )
        self.entries[kind][entry.name] = entry
        plugin.provides.append(f"{kind} {entry.name}")

    def _check_hooks(self, plugin: Plugin, module: Any) -> None:
        known = {name for name in dir(hookspecs) if name.startswith("benchbench_")}
        for name in dir(module):
            marked = self.manager.parse_hookimpl_opts(module, name) is not None
            if marked and name not in known:
                hint = nearest(name, known) or f"the hooks are {', '.join(sorted(known))}"
                self._broken(plugin, BenchbenchError(f"unknown hook {name!r}; {hint}"))

    def _broken(self, plugin: Plugin, error: BaseException, where: str = "") -> None:
        if os.environ.get("BENCHBENCH_STRICT") == "1":
            raise error
        said = str(error) if isinstance(error, BenchbenchError) else (
            f"{type(error).__name__}: {error}"
        )
        plugin.problems.append(where + said)
        plugin.traceback = "".join(traceback.format_exception(error))

    def _code(self, entry: Entry, cls: type[Part]) -> str:
        """Digest of the plugin's whole file and of the file that holds the class."""
        own = getattr(sys.modules.get(cls.__module__), "__file__", None)
        paths = [entry.plugin.path, Path(own) if own else None]
        if paths[0] is not None and paths[0].is_dir() and own and Path(own).is_relative_to(
            paths[0]
        ):
            paths = paths[:1]
        return digest(sorted({code_digest(p) for p in paths if p is not None}))


@cache
def registry() -> Registry:
    """The registry of this process, made at first use."""
    return Registry()
