"""How cells and their parts are called in tables."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchbench.records import Record

HEADINGS = {
    "srocc": "SROCC", "plcc": "PLCC", "plcc_linear": "PLCC linear", "krocc": "KROCC",
    "rmse": "RMSE", "rmse_linear": "RMSE linear",
}
MODES = {"fr": "full-reference", "nr": "no-reference", "score": "score as it is"}


def heading(metric: str) -> str:
    return HEADINGS.get(metric, metric.replace("_", " "))


def with_params(name: str, params: dict[str, Any]) -> str:
    """``name[key=value,…]``."""
    if not params:
        return name
    return f"{name}[{','.join(f'{k}={v}' for k, v in sorted(params.items()))}]"


def extractor_name(record: Record) -> str:
    """The extractor as it is shown; a control of the task is said to be one."""
    name = with_params(record.extractor.name, record.extractor.params)
    if record.task.params.get("labels") == "shuffled":
        return f"{name}, shuffled labels"
    return name


def backbone_name(record: Record) -> str:
    """The backbone with the parameters that were changed, and a mark where it was fitted on the
    pictures that it is tested on."""
    name = with_params(record.backbone.name, record.backbone.params)
    return name + ("*" if fitted_on_test(record) else "")


def backbone_labels(names: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Short labels for a table's backbones by their full names, and the lines that explain them.

    A backbone with parameters is called by its bare name, numbered where the table has several.
    """
    full: dict[str, set[str]] = {}
    for name in names:
        full.setdefault(name.partition("[")[0].rstrip("*"), set()).add(name)
    labels, legend = {}, []
    for bare, variants in sorted(full.items()):
        for number, name in enumerate(sorted(variants), 1):
            mark = "*" if name.endswith("*") else ""
            label = bare + (f" ({number})" if len(variants) > 1 else "") + mark
            labels[name] = label
            if name.rstrip("*") != bare:
                legend.append(f"{label}: {name.rstrip('*').removeprefix(bare)[1:-1]}")
    return labels, legend


def fitted_on_test(record: Record) -> bool:
    return any(note.startswith("backbone fitted on this dataset") for note in record.notes)


def table_name(record: Record) -> tuple[str, str, str]:
    """Task, dataset and protocol: records that share them share a table."""
    params = {k: v for k, v in record.task.params.items() if k not in ("mode", "labels")}
    mode = str(record.task.params.get("mode", ""))
    return (with_params(record.task.name, params),
            with_params(record.dataset.name, record.dataset.params), MODES.get(mode, mode))


def slug(text: str) -> str:
    """Small letters, digits and single hyphens: fit for a file's name and for a link."""
    return "-".join(re.findall("[a-z0-9]+", text.lower())) or "unnamed"


def cell_title(record: Record) -> str:
    task, dataset, mode = table_name(record)
    seed = f", seed {record.seed}" if record.seed else ""
    return (f"{record.cell[:8]}  {extractor_name(record)} · {backbone_name(record)} · {dataset} · "
            f"{task}{f', {mode}' if mode else ''}{seed}")
