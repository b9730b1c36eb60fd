"""What a dataset card may say, and reading it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from benchbench.cards.files import folders_of
from benchbench.cards.parameters import apply_parameters
from benchbench.errors import DataError, nearest

Texts = tuple[str, ...]
CHECKSUM = re.compile(r"unknown|sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Columns(_Strict):
    """Where each column of the table comes from; only ``image`` is required.

    A plain name is a column of the score table or a group of the pattern; a text with ``{name}``
    in it is put together from them.
    """

    image: str
    reference: str | None = None
    score: str | None = None
    score_std: str | None = None
    distortion: str | None = None
    level: str | None = None
    label: str | None = None
    outlier: str | None = None
    split: str | None = None
    group: str | None = None


class ScoreCard(_Strict):
    """What the scores are: their kind, direction, range, and what their deviations are of."""

    kind: Literal["mos", "dmos", "expected-mos"]
    higher_is_better: bool
    range: tuple[float, float] | None = None
    std: Literal["ratings", "mean"] | None = None
    std_factor: float = Field(default=1.0, gt=0)
    std_is_variance: bool = False

    @model_validator(mode="after")
    def _rising(self) -> ScoreCard:
        if self.range is not None and not self.range[0] < self.range[1]:
            raise ValueError("range has to be [lowest, highest]")
        return self


class LevelsCard(_Strict):
    """Says that a higher level is a worse image, except in the distortions named."""

    except_: Texts = Field(default=(), alias="except")


class DownloadCard(_Strict):
    """One file to fetch. ``into`` is where an archive is unpacked, relative to the data root;
    ``unpacked`` the most bytes that it may unpack to."""

    url: str = Field(pattern=r"^https?://")
    checksum: str = "unknown"
    into: str | None = None
    unpacked: int | None = Field(default=None, ge=1)

    @field_validator("checksum")
    @classmethod
    def _known_form(cls, value: str) -> str:
        if not CHECKSUM.fullmatch(value):
            raise ValueError("expected sha256:…, md5:… or unknown")
        return value

    @field_validator("into")
    @classmethod
    def _below(cls, value: str | None) -> str | None:
        if value is not None and (Path(value).is_absolute() or ".." in Path(value).parts):
            raise ValueError("expected a folder below the data root")
        return value


class TableCard(_Strict):
    """Where the rows come from: lines of text files (``file``), the files that match ``pattern``,
    or an ``adapter``."""

    file: Texts = ()
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    header: Texts = ()
    pattern: Texts = ()
    also: dict[str, str] = {}
    folders: Texts = ()
    grid: dict[str, tuple[int, int]] = {}
    terms: dict[str, dict[str, str]] = {}
    drop: dict[str, Texts] = {}
    values: dict[str, str | dict[str, bool | int | str]] = {}
    adapter: str | None = Field(default=None, pattern=r"^[\w.]+$")
    options: dict[str, Any] = {}
    columns: Columns

    @field_validator("file", "pattern", mode="before")
    @classmethod
    def _several(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: Texts) -> Texts:
        for pattern in value:
            for part in (pattern, *folders_of(pattern)):
                try:
                    re.compile(part)
                except re.error as error:
                    raise ValueError(f"{part!r} is not a regular expression ({error})") from error
        return value

    @model_validator(mode="after")
    def _from_somewhere(self) -> TableCard:
        if not (self.file or self.pattern or self.adapter):
            raise ValueError("needs file, pattern or adapter: where the rows come from")
        if self.delimiter == " " and not self.header:
            raise ValueError("a table separated by blanks needs header: the names of its columns")
        foreign = [role for role in self.values if role not in Columns.model_fields]
        if foreign:
            hint = nearest(foreign[0], Columns.model_fields)
            raise ValueError(f"values: unknown column {foreign[0]!r} {hint}".rstrip())
        return self


class Card(_Strict):
    """One dataset. Paths are relative to ``folder``, which is relative to the card's own folder or
    to ``--data-root``. ``share_labels`` says whether the labels may be passed on; a card that does
    not say so keeps scores to itself and passes class labels on."""

    name: str = Field(min_length=1)
    version: str = "1"
    summary: str = ""
    folder: str = "."
    table: TableCard
    score: ScoreCard | None = None
    levels: LevelsCard | None = None
    size: Literal["native", "model"] = "native"
    n_official: int | None = Field(default=None, ge=1)
    n_files: int | None = Field(default=None, ge=1)
    licence: str | None = None
    share_labels: bool | None = None
    citation: str | None = None
    obtain: str | None = None
    checksums: dict[str, str] = {}
    download: tuple[DownloadCard, ...] = ()
    notes: Texts = ()

    @field_validator("checksums")
    @classmethod
    def _known_forms(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if not CHECKSUM.fullmatch(text):
                raise ValueError(f"{name}: expected sha256:…, md5:… or unknown")
        return value

    @model_validator(mode="after")
    def _directed(self) -> Card:
        columns = self.table.columns
        if columns.score is not None and self.score is None:
            raise ValueError("a score column needs a [score] section: its kind and direction")
        if self.levels is not None and None in (columns.score, columns.distortion, columns.level):
            raise ValueError("[levels] needs the columns score, distortion and level")
        return self


def read_card(path: Path, given: Mapping[str, str] | None = None) -> tuple[Card, dict[str, str]]:
    """A validated card with its parameters applied, and the value of each parameter.

    Raises ``DataError`` naming the file, the key and what was expected, and ``UsageError`` for an
    unknown parameter or value.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"card {path}: {error.strerror}; give the path of a .toml card") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"card {path}: not valid TOML ({error})") from error
    data, values = apply_parameters(data, given or {}, path)
    try:
        return Card.model_validate(data), values
    except ValidationError as error:
        first = error.errors()[0]
        raise DataError(f"card {path}: {_complaint(first['loc'], first['msg'])}") from error


_SECTIONS: dict[str, type[BaseModel]] = {
    "": Card, "score": ScoreCard, "levels": LevelsCard, "table": TableCard,
    "table.columns": Columns, "download": DownloadCard}


def _complaint(place: tuple[int | str, ...], message: str) -> str:
    """What is wrong with a key; for an unknown one, what it may have been meant to be."""
    key = ".".join(map(str, place))
    if not message.startswith("Extra inputs"):
        said = message.removeprefix("Value error, ")
        return f"key {key!r}: {said}" if key else said
    section = ".".join(part for part in place[:-1] if isinstance(part, str))
    known = [field.alias or name for name, field in _SECTIONS[section].model_fields.items()]
    known += ["parameters", "when"] if not section else []
    hint = nearest(str(place[-1]), known)
    return f"unknown key {key!r}; {hint + ' ' if hint else ''}(known there: {', '.join(known)})"
