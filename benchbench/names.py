"""The grammar of names: ``a,b[key=value,other=x+y],c+d``.

A selection is a comma list; a name may carry parameters in brackets, which may nest
(``distorted[source=photographs[set=natural]]``); ``+`` joins features, and lists inside values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from benchbench.errors import UsageError

NAME = re.compile(r"^[A-Za-z0-9_.~/:\\-][^\[\],+]*$")
KEY = re.compile(r"^[^\W\d]\w*$")


@dataclass(frozen=True, slots=True)
class Selector:
    """A name with the parameters given for it, as text; ``str()`` gives back the canonical form."""

    name: str
    params: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        if not self.params:
            return self.name
        return f"{self.name}[{','.join(f'{k}={v}' for k, v in sorted(self.params.items()))}]"


def split(text: str, separator: str) -> list[str]:
    """Split at ``separator`` outside brackets. Unbalanced brackets are a ``UsageError``."""
    parts, depth, start = [], 0, 0
    for i, char in enumerate(text):
        if char == "[":
            depth += 1
        elif char == "]":
            depth -= 1
            if depth < 0:
                raise UsageError(f"name {text!r}: a ']' at character {i + 1} closes nothing")
        elif char == separator and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    if depth:
        raise UsageError(f"name {text!r}: a '[' is not closed; write name[key=value,…]")
    return [*parts, text[start:]]


def parse(text: str) -> Selector:
    """One ``name[key=value,…]``."""
    text = text.strip()
    name, bracket, rest = text.partition("[")
    if not NAME.match(name):
        raise UsageError(f"name {text!r}: expected name or name[key=value,…]")
    if not bracket:
        return Selector(name)
    if not rest.endswith("]"):
        split(text, ",")
        raise UsageError(f"name {text!r}: expected nothing after the closing ']'")
    try:
        given = split(rest[:-1], ",")
    except UsageError as error:
        raise UsageError(f"name {text!r}: its brackets do not match; write name[key=value,…]"
                         ) from error
    params: dict[str, str] = {}
    for item in given:
        key, equals, value = (part.strip() for part in item.partition("="))
        if not equals or not value or not KEY.match(key):
            raise UsageError(f"name {text!r}: {item.strip()!r} is not key=value")
        if key in params:
            raise UsageError(f"name {text!r}: parameter {key!r} is given twice")
        params[key] = value
    return Selector(name, params)


def parse_list(text: str) -> list[Selector]:
    """A comma list of selectors; doubles are dropped."""
    return list({str(s): s for s in map(parse, items(text))}.values())


def parse_features(text: str) -> list[tuple[Selector, ...]]:
    """A comma list of features, each one extractor or several joined with ``+``."""
    joined = [tuple(map(parse, split(item, "+"))) for item in items(text)]
    return list({"+".join(map(str, f)): f for f in joined}.values())


def items(text: str) -> list[str]:
    """The items of a comma list, none of them empty."""
    found = [item.strip() for item in split(text, ",")]
    if not all(found):
        raise UsageError(f"list {text!r}: an item is empty; write a,b,c")
    return found
