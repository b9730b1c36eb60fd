"""Parameters of a card: ``[parameters]`` names them, ``[when.…]`` says what they change.

```toml
[parameters]
references = ["drop", "keep"]    # the values it may have, the default first
path = "folder"                  # a folder that has to be given; {path} stands for it in ``folder``

[when.references.keep]           # laid over the card where references=keep
n_official = 982
```

Every card takes, besides, the parameters ``distortion``, ``level``, ``split`` and ``label`` for
those of them that are columns of its table: ``name[level=1+3]`` keeps these rows alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchbench.errors import DataError, UsageError, nearest

FILTERS = ("distortion", "level", "split", "label")


def apply_parameters(
    data: dict[str, Any], given: Mapping[str, str], path: Path
) -> tuple[dict[str, Any], dict[str, str]]:
    """The card's data with the parameters' changes laid over it, and every parameter's value."""
    data = dict(data)
    declared, changes = data.pop("parameters", {}), data.pop("when", {})
    if not isinstance(declared, dict) or not isinstance(changes, dict):
        raise DataError(f"card {path}: [parameters] and [when.…] have to be sections")
    name = str(data.get("name", path.stem))
    values: dict[str, str] = {}
    for key, kind in declared.items():
        if kind == "folder":
            values[key] = _folder(name, key, given)
        elif isinstance(kind, list) and kind and all(isinstance(item, str) for item in kind):
            values[key] = _choice(name, key, kind, given.get(key, kind[0]))
        else:
            raise DataError(f"card {path}: key 'parameters.{key}': expected a list of values, the "
                            'default first, or "folder"')
    for key, choices in changes.items():
        if key not in values or not set(choices) <= set(declared[key]):
            raise DataError(f"card {path}: key 'when.{key}': no such parameter or value")
        data = _laid_over(data, choices.get(values[key], {}))
    if isinstance(data.get("folder"), str):
        for key, value in values.items():
            data["folder"] = data["folder"].replace(f"{{{key}}}", value)
    columns = data.get("table", {}).get("columns", {})
    filters = [role for role in FILTERS if role in columns]
    for key in given:
        if key not in values and key not in filters:
            known = [*declared, *filters]
            hint = nearest(key, known)
            raise UsageError(f"{name}: unknown parameter {key!r}{f'; {hint}' if hint else ''} "
                             f"(its parameters: {', '.join(known) or 'none'})")
    return data, values | {key: given[key] for key in filters if key in given}


def _choice(name: str, key: str, choices: list[str], value: str) -> str:
    if value not in choices:
        raise UsageError(f"{name}: parameter {key}: got {value!r}, expected one of "
                         f"{', '.join(choices)}")
    return value


def _folder(name: str, key: str, given: Mapping[str, str]) -> str:
    if key not in given:
        raise UsageError(f"{name}: parameter {key!r} is required; write {name}[{key}=FOLDER]")
    folder = Path(given[key]).expanduser().absolute()
    if not folder.is_dir():
        raise UsageError(f"{name}: parameter {key}: {folder} is not a folder; give one that is")
    return str(folder)


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """``above`` laid over ``below``, section by section; an empty text takes a key away."""
    merged = dict(below)
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict) and value:
            merged[key] = _laid_over(merged[key], value)
        elif value == "":
            merged.pop(key, None)
        else:
            merged[key] = value
    return merged
