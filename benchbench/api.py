"""The same from Python: run a selection, extract features, make a dataset or a backbone."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbench.catalogue import make_dataset
from benchbench.cells import Selection
from benchbench.errors import UsageError
from benchbench.interfaces import Backbone, Dataset
from benchbench.names import parse, parse_features
from benchbench.registry import registry

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import torch


def dataset(name: str) -> Dataset:
    """The dataset of that name, with its parameters: ``dataset("photographs[set=natural]")``."""
    made: Dataset = make_dataset(parse(name)).part
    return made


def backbone(name: str) -> Backbone:
    """The backbone of that name, with its parameters."""
    made: Backbone = registry().make("backbone", parse(name)).part
    return made


def run(
    features: str | Sequence[str] = ("grad", "activation"), task: str | Sequence[str] = "iqa",
    dataset: str | Sequence[str] = "demo", backbone: str | Sequence[str] | None = None,
    *,
    seeds: Sequence[int] = (0,), limit: int | None = None, precision: str = "float32",
    controls: bool = True, max_feature_gb: float = 20.0, device: str = "auto",
    out: str | Path = "runs", retry: str = "never", timeout: float | None = None,
    batch_size: int | None = None, allow_partial: bool = False,
) -> pd.DataFrame:
    """Run every cell of a selection, as ``benchbench run`` does; one row a cell.

    Names as on the command line, in one comma list or a sequence; without ``backbone`` each
    extractor gets its own. Columns: ``task``, ``mode``,
    ``dataset``, ``extractor``, ``backbone``, ``control``, ``status``, ``reason``, every metric
    with ``_low`` and ``_high`` of its 95 % interval, ``ties`` and ranks, cost, ``cell``.
    Raises ``UsageError`` for a wrong name or parameter and ``DataError`` for unusable data.
    """
    import pandas as pd

    from benchbench.cli.display import Display
    from benchbench.executors.local import LocalExecutor, Options
    from benchbench.report.boards import boards
    from benchbench.report.csv import flat
    from benchbench.report.results import of_run

    selection = Selection(
        _joined(features), _joined(task), _joined(dataset),
        None if backbone is None else _joined(backbone), tuple(seeds), limit, precision,
        max_feature_gb, controls, allow_partial)
    options = Options(Path(out), device, retry, timeout, batch_size, "benchbench.run(…)")
    with Display(sys.stderr) as display:
        records = LocalExecutor(options, display).run(selection)
    return pd.DataFrame(flat(boards(of_run(records, options.out), options.out)))


def extract(
    model: str | Backbone | torch.nn.Module, images: torch.Tensor | Sequence[np.ndarray],
    features: str, *, device: str = "auto", preprocessing: dict[str, Any] | None = None,
) -> torch.Tensor:
    """The features of some images, ``[images, *shape]``, on the CPU.

    ``model`` is a backbone, its name, or a classifier as an ``nn.Module``. ``images`` is a uint8
    tensor ``[images, 3, height, width]`` or a sequence of uint8 arrays ``[height, width, 3]``,
    sizes may differ. ``preprocessing`` may hold ``size``, ``mean``, ``std``, ``interpolation``.
    """
    from benchbench.in_memory import extract_in_memory

    parts = parse_features(features)
    if len(parts) != 1:
        raise UsageError(f"extract: expected one feature, got {features!r}; join several with +")
    return extract_in_memory(model, images, parts[0], device, preprocessing or {})


def _joined(names: str | Sequence[str]) -> str:
    return names if isinstance(names, str) else ",".join(names)
