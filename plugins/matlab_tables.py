"""An adapter for cards: rows from variables of MATLAB files (``table.adapter``).

``options.parts`` lists parts that follow one another. A part has ``columns``, each a variable as
``"file.mat:name"`` (the file relative to the dataset's folder) with one entry a row; ``cells``,
the same text in every row; ``runs``, pairs of a file name with ``{}`` and a count, which name the
images by their place (column ``image``); and ``skip``, how many entries at the start are no images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchbench import DataError


def rows(root: Path, files: Sequence[Path], options: Mapping[str, Any]) -> list[dict[str, str]]:
    """The cells of each row, as text. ``DataError`` names the file and the variable."""
    return [row for part in options["parts"] for row in _part(root, part)]


def _part(root: Path, part: Mapping[str, Any]) -> list[dict[str, str]]:
    columns = {name: _variable(root, source) for name, source in part["columns"].items()}
    if "runs" in part:
        columns["image"] = [name.format(i) for name, n in part["runs"] for i in range(1, n + 1)]
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) != 1:
        said = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise DataError(f"{root}: the columns differ in length ({said}); fetch the files anew")
    skipped = {name: values[part.get("skip", 0) :] for name, values in columns.items()}
    constant = {name: str(value) for name, value in part.get("cells", {}).items()}
    return [
        {**dict(zip(skipped, cells, strict=True)), **constant}
        for cells in zip(*skipped.values(), strict=True)
    ]


def _variable(root: Path, source: str) -> list[str]:
    from scipy.io import loadmat

    name, _, variable = source.rpartition(":")
    file = root / name
    try:
        found = loadmat(str(file), variable_names=[variable])
    except (OSError, ValueError, TypeError, NotImplementedError) as error:
        raise DataError(f"{file}: cannot be read as a MATLAB file ({error}); fetch it anew "
                        "or save it with -v7") from error
    if variable not in found:
        raise DataError(f"{file}: holds no variable {variable!r}; fetch the official file")
    return [_text(value) for value in found[variable].ravel()]


def _text(value: Any) -> str:
    """A cell of text, however deeply it is nested, or a number that reads back as it was."""
    while hasattr(value, "ravel") and getattr(value, "shape", ()):
        value = value.ravel()[0]
    if isinstance(value, str):
        return value
    number = float(value)
    return str(int(number)) if number.is_integer() else repr(number)
