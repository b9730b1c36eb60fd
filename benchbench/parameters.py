"""Parameters of components: the keyword arguments of ``__init__``, checked and made canonical."""

from __future__ import annotations

import inspect
import math
import types
import typing
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union

from benchbench.errors import BenchbenchError, UsageError, nearest
from benchbench.identity import file_digest

PREPROCESSING = ("size", "resize", "mean", "std", "interpolation")
"""Parameters that every backbone takes beside its own."""


def signature(cls: type, hidden: str | None = None) -> dict[str, tuple[Any, Any]]:
    """Each parameter's annotation and default, in order. A trailing underscore that keeps a name
    from being a Python keyword (``with_``) is not part of the parameter's name."""
    if cls.__init__ is object.__init__:  # type: ignore[misc]
        return {}
    hints = _hints(cls)
    found: dict[str, tuple[Any, Any]] = {}
    for name, parameter in inspect.signature(cls).parameters.items():
        if name == hidden or parameter.kind is parameter.VAR_KEYWORD:
            continue
        found[name.removesuffix("_")] = (hints.get(name), parameter.default)
    return found


def bind(
    cls: type, given: Mapping[str, str], label: str, also: tuple[str, ...] = (),
    hidden: str | None = None,
) -> dict[str, Any]:
    """The values for ``cls(**values)``: what was given, coerced, and the defaults.

    Raises ``UsageError`` for an unknown parameter (naming the valid ones) or a value of the wrong
    type. ``also`` are parameters that somebody else takes; ``hidden`` one that the name fills.
    """
    known = signature(cls, hidden)
    open_ended = any(
        p.kind is p.VAR_KEYWORD for p in inspect.signature(cls).parameters.values()
    ) and cls.__init__ is not object.__init__  # type: ignore[misc]
    values = {
        name: default for name, (_, default) in known.items() if default is not inspect._empty
    }
    for name, text in given.items():
        if name in known:
            values[name] = coerce(text, *known[name], label=f"{label}: parameter {name}")
        elif name in also:
            continue
        elif open_ended:
            values[name] = _literal(text)
        else:
            valid = ", ".join([*known, *also]) or "none"
            hint = nearest(name, [*known, *also])
            raise UsageError(
                f"{label}: unknown parameter {name!r}{f'; {hint}' if hint else ''} "
                f"(its parameters: {valid})"
            )
    missing = [name for name in known if name not in values]
    if missing:
        raise UsageError(f"{label}: parameter {missing[0]!r} is required; "
                         f"write {label}[{missing[0]}=…]")
    return values


def build(cls: type, values: Mapping[str, Any]) -> Any:
    """``cls(**values)`` with the names that Python wants. What the component does not raise on
    purpose is a ``BenchbenchError`` that names it."""
    names = inspect.signature(cls).parameters if values else {}
    try:
        return cls(**{k if k in names or f"{k}_" not in names else f"{k}_": v
                      for k, v in values.items()})
    except BenchbenchError:
        raise
    except Exception as error:
        raise BenchbenchError(f"{cls.__module__}.{cls.__qualname__} cannot be made of {values}: "
                              f"{type(error).__name__}: {error}") from error


def identity(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as canonical data: a file by its content, everything else as it is."""
    return {k: f"sha256:{file_digest(v)}" if isinstance(v, Path) else v
            for k, v in values.items()}


def coerce(text: str, annotation: Any, default: Any, label: str) -> Any:
    """Text to the annotated type; without an annotation, to the type of the default."""
    if annotation is None:
        annotation = str if default is None or default is inspect._empty else type(default)
    options = typing.get_args(annotation) if _is_union(annotation) else (annotation,)
    if type(None) in options and text.lower() == "none":
        return None
    for option in options:
        if option is type(None):
            continue
        try:
            return _convert(text, option)
        except ValueError:
            continue
    raise UsageError(f"{label}: got {text!r}, expected {describe(annotation)}")


def describe(annotation: Any) -> str:
    """The type in words."""
    if typing.get_origin(annotation) is Literal:
        return "one of " + ", ".join(map(str, typing.get_args(annotation)))
    if _is_union(annotation):
        return " or ".join(describe(a) for a in typing.get_args(annotation))
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "text",
             Path: "a file that exists", type(None): "none"}
    return names.get(annotation, str(annotation))


def choices(annotation: Any) -> tuple[Any, ...]:
    """What a parameter may be, where its annotation counts that up; else nothing."""
    if _is_union(annotation):
        return tuple(c for part in typing.get_args(annotation) for c in choices(part))
    return typing.get_args(annotation) if typing.get_origin(annotation) is Literal else ()


def _convert(text: str, kind: Any) -> Any:
    if typing.get_origin(kind) is Literal:
        for choice in typing.get_args(kind):
            if str(choice) == text:
                return choice
        raise ValueError
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise ValueError
        return text.lower() == "true"
    if kind is Path:
        path = Path(text).expanduser()
        if not path.is_file():
            raise ValueError
        return path.absolute()
    if kind in (int, float, str):
        value = kind(text)
        if kind is float and not math.isfinite(value):  # has no place in a canonical identity
            raise ValueError
        return value
    raise ValueError


def _literal(text: str) -> Any:
    for kind in (int, float, bool):
        try:
            return _convert(text, kind)
        except ValueError:
            continue
    return None if text.lower() == "none" else text


def _is_union(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (Union, types.UnionType)


@cache
def _hints(cls: type) -> dict[str, Any]:
    try:
        return typing.get_type_hints(cls.__init__)  # type: ignore[misc]
    except NameError:  # an annotation that is only imported for type checkers
        return {}
