"""benchbench: what is a network's reaction to an image worth?

The public door: everything that a plugin or a notebook may import. Names are loaded at first use,
so that importing benchbench stays cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchbench.api import backbone as backbone
    from benchbench.api import dataset as dataset
    from benchbench.api import extract as extract
    from benchbench.api import run as run
    from benchbench.errors import BenchbenchError as BenchbenchError
    from benchbench.errors import DataError as DataError
    from benchbench.errors import UsageError as UsageError
    from benchbench.errors import nearest as nearest
    from benchbench.facts import BackboneFacts as BackboneFacts
    from benchbench.facts import DatasetFacts as DatasetFacts
    from benchbench.facts import Layer as Layer
    from benchbench.fitting import checkpoint as checkpoint
    from benchbench.fitting import fitted as fitted
    from benchbench.fitting import keep_checkpoint as keep_checkpoint
    from benchbench.hookspecs import hookimpl as hookimpl
    from benchbench.interfaces import Backbone as Backbone
    from benchbench.interfaces import Component as Component
    from benchbench.interfaces import Dataset as Dataset
    from benchbench.interfaces import Extractor as Extractor
    from benchbench.interfaces import Features as Features
    from benchbench.interfaces import ImageFacts as ImageFacts
    from benchbench.interfaces import Outcome as Outcome
    from benchbench.interfaces import Score as Score
    from benchbench.interfaces import Task as Task
    from benchbench.interfaces import WrappedDataset as WrappedDataset
    from benchbench.probes import Activation as Activation
    from benchbench.probes import Gradient as Gradient
    from benchbench.probes import Images as Images
    from benchbench.probes import Model as Model
    from benchbench.probes import OfReference as OfReference
    from benchbench.probes import Output as Output
    from benchbench.probes import Pixels as Pixels
    from benchbench.probes import Probe as Probe
    from benchbench.statistics.bootstrap import (
        bootstrap_median_over_splits as bootstrap_median_over_splits,
    )
    from benchbench.statistics.correlation import srocc as srocc
    from benchbench.statistics.ood import Threshold as Threshold
    from benchbench.statistics.ood import accepting as accepting
    from benchbench.statistics.ood import ood_metrics as ood_metrics
    from benchbench.statistics.ood_conditions import Condition as Condition
    from benchbench.statistics.ood_conditions import score_conditions as score_conditions
    from benchbench.statistics.quality import oriented as oriented
    from benchbench.statistics.quality import quality_metrics as quality_metrics
    from benchbench.statistics.quality_intervals import with_intervals as with_intervals
    from benchbench.statistics.regression import knn_splits as knn_splits
    from benchbench.statistics.regression import none_splits as none_splits
    from benchbench.statistics.regression import ridge_splits as ridge_splits
    from benchbench.statistics.regression import svr_splits as svr_splits
    from benchbench.statistics.splits import Split as Split
    from benchbench.statistics.splits import group_splits as group_splits
    from benchbench.statistics.splits import leave_one_group_out as leave_one_group_out
    from benchbench.statistics.splits import official_split as official_split
    from benchbench.statistics.splits import part_rows as part_rows
    from benchbench.training import clean_parts as clean_parts
    from benchbench.training import fit_epochs as fit_epochs

_DOOR = {
    "api": ("backbone", "dataset", "extract", "run"),
    "errors": ("BenchbenchError", "DataError", "UsageError", "nearest"),
    "facts": ("BackboneFacts", "DatasetFacts", "Layer"),
    "fitting": ("checkpoint", "fitted", "keep_checkpoint"),
    "hookspecs": ("hookimpl",),
    "interfaces": (
        "Backbone", "Component", "Dataset", "Extractor", "Features", "ImageFacts", "Outcome",
        "Score", "Task", "WrappedDataset",
    ),
    "probes": (
        "Activation", "Gradient", "Images", "Model", "OfReference", "Output", "Pixels", "Probe",
    ),
    "statistics.bootstrap": ("bootstrap_median_over_splits",),
    "statistics.correlation": ("srocc",),
    "statistics.ood": ("Threshold", "accepting", "ood_metrics"),
    "statistics.ood_conditions": ("Condition", "score_conditions"),
    "statistics.quality": ("oriented", "quality_metrics"),
    "statistics.quality_intervals": ("with_intervals",),
    "statistics.regression": ("knn_splits", "none_splits", "ridge_splits", "svr_splits"),
    "statistics.splits": (
        "Split", "group_splits", "leave_one_group_out", "official_split", "part_rows"),
    "training": ("clean_parts", "fit_epochs"),
}
_HOME = {name: module for module, names in _DOOR.items() for name in names}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from benchbench.identity import version

        return version("benchbench-harness")
    if name not in _HOME:
        raise AttributeError(f"module 'benchbench' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"benchbench.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
