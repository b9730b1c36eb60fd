"""A component under test: by name, by class or by instance."""

from __future__ import annotations

import ast
import copy
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchbench import parameters
from benchbench.errors import UsageError
from benchbench.interfaces import Part
from benchbench.names import NAME, Selector, parse
from benchbench.parameters import PREPROCESSING
from benchbench.registry import KINDS, registry
from benchbench.testing.checks import Failed, Skipped, Warned

HEAVY = ("pandas", "scipy", "skimage", "sklearn", "timm", "torch", "torchvision")
"""What a plugin file may not import at its top: every command imports every plugin file."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is tested, and how to make a fresh one. ``given`` are its parameters as text,
    ``source`` is the plugin file that registers it."""

    kind: str
    label: str
    cls: type[Part]
    make: Callable[[], Any]
    given: Mapping[str, str] = field(default_factory=dict)
    source: Path | None = None
    first_party: bool = False
    hidden: str | None = None
    parametrised: bool = True
    registered: bool = False
    overrides: Mapping[str, str] = field(default_factory=dict)

    def expected(self, more: Mapping[str, str] | None) -> dict[str, str]:
        """Failures that the component declares, and those of the call."""
        return {**getattr(self.make(), "expected_failures", {}), **(more or {})}

    def changed(self, changes: Mapping[str, Any]) -> Subject:
        """The same with other parameters, as ``expand()`` asks for."""
        if not self.parametrised:
            raise UsageError(f"{self.kind} {self.label}: an instance cannot be changed as expand() "
                             "asks; give the name or the class")
        given = {**self.given, **{name: str(value) for name, value in changes.items()}}
        selector = Selector(self.label.partition("[")[0], given)
        if self.registered:
            return _by_name(self.kind, selector)
        values = parameters.bind(self.cls, given, str(selector))
        return replace(self, label=str(selector), given=given,
                       make=lambda: parameters.build(self.cls, values))


def find_subject(kind: str, given: Any) -> Subject:
    """``given`` is a name with its parameters, the path of a card, a class, or an instance."""
    base = KINDS[kind]
    if isinstance(given, str):
        return _by_name(kind, parse(given))
    if isinstance(given, type) and issubclass(given, base):
        cls = given
        return Subject(kind, cls.name or cls.__name__, cls,
                       lambda: parameters.build(cls, parameters.bind(cls, {}, cls.__name__)),
                       source=_file(cls))
    if isinstance(given, base):
        return Subject(kind, given.name or type(given).__name__, type(given),
                       lambda: copy.deepcopy(given), source=_file(type(given)),
                       parametrised=False)
    raise UsageError(f"check: got {given!r}, expected the name, the class or an instance of "
                     f"a {kind}")


def _by_name(kind: str, selector: Selector) -> Subject:
    from benchbench.catalogue import find_card, make_dataset

    if kind == "dataset" and find_card(selector.name) is not None:
        made = make_dataset(selector)
        return Subject(kind, str(selector), type(made.part), lambda: make_dataset(selector).part,
                       parametrised=False)
    entry, rest = registry().entry(kind, selector.name)
    made = registry().make(kind, selector)
    path = entry.plugin.path
    return Subject(
        kind, str(selector), entry.load(), lambda: registry().make(kind, selector).part,
        selector.params, path / "__init__.py" if path is not None and path.is_dir() else path,
        entry.plugin.origin in ("built in", "first-party"),
        None if rest is None else "model", registered=True, overrides=made.overrides)


def check_declaration(subject: Subject) -> str:
    """Name, version and summary are there."""
    part, cls = subject.make(), subject.cls
    if not NAME.match(part.name):
        raise Failed(f"name is {part.name!r}; expected letters, digits, '-', '_', '.' or '/'")
    if not isinstance(cls.version, str) or not cls.version:
        raise Failed(f"version is {cls.version!r}; expected text that changes with the results, "
                     "such as '1'")
    if not part.summary or "\n" in part.summary:
        raise Failed("summary is empty or has several lines; `benchbench list` shows it in one")
    return f"{part.name}, version {part.version}"


def check_parameters(subject: Subject) -> str:
    """Every parameter can be written on the command line and gives back the same value."""
    if not subject.parametrised:
        raise Skipped("an instance or a card was given, not a name or a class")
    also = PREPROCESSING if subject.kind == "backbone" else ()
    values = parameters.bind(subject.cls, subject.given, subject.label, also, subject.hidden)
    text = {name: str(value) for name, value in values.items()}
    selector = Selector(subject.label.partition("[")[0], {**subject.given, **text})
    again = parse(str(selector))
    if again != selector:
        raise Failed(f"{selector} is read back as {again}; choose defaults without ',', '[', ']'")
    found = parameters.bind(subject.cls, again.params, subject.label, also, subject.hidden)
    for name, value in values.items():
        if found[name] != value or type(found[name]) is not type(value):
            raise Failed(f"parameter {name}: {value!r} is read back as {found[name]!r}; annotate "
                         "it with int, float, bool, str, Path, Literal or one of them | None")
    return str(selector)


def check_light_import(subject: Subject) -> str:
    """The plugin file imports nothing heavy at its top, by reading it."""
    if subject.source is None or not subject.source.is_file():
        raise Skipped("no plugin file")
    heavy = _heavy_imports(ast.parse(subject.source.read_text(encoding="utf-8")).body)
    if not heavy:
        return subject.source.name
    line, name = heavy[0]
    reason = (f"{subject.source.name}, line {line}: imports {name} at the top, which slows down "
              "every command; import it inside the methods")
    raise Failed(reason) if subject.first_party else Warned(reason)


def _heavy_imports(body: list[ast.stmt]) -> list[tuple[int, str]]:
    found = []
    for node in body:
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.append((node.lineno, node.module or ""))
        elif isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.unparse(node.test):
            found += _heavy_imports([*node.body, *node.orelse])
        elif isinstance(node, ast.Try):
            found += _heavy_imports([*node.body, *node.orelse, *node.finalbody])
    return [(line, name) for line, name in found if name.partition(".")[0] in HEAVY]


def _file(cls: type[Part]) -> Path | None:
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    return Path(file) if file else None
