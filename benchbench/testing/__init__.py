"""The conformance suite, for our plugins and for everybody's.

In a test of your own::

    from benchbench.testing import assert_conforms, check_extractor

    def test_conforms():
        assert_conforms(check_extractor(MyExtractor))

``benchbench check NAME|PATH`` runs the same checks and prints them. Names are loaded at first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchbench.testing.backbones import check_backbone as check_backbone
    from benchbench.testing.checks import Check as Check
    from benchbench.testing.checks import assert_conforms as assert_conforms
    from benchbench.testing.conformance import check_component as check_component
    from benchbench.testing.conformance import check_file as check_file
    from benchbench.testing.datasets import check_dataset as check_dataset
    from benchbench.testing.extractors import check_extractor as check_extractor
    from benchbench.testing.tasks import check_task as check_task
    from benchbench.testing.toys import ToyAutoencoder as ToyAutoencoder
    from benchbench.testing.toys import ToyClassifier as ToyClassifier
    from benchbench.testing.toys import ToyPictures as ToyPictures

_HOME = {
    "Check": "checks", "assert_conforms": "checks", "check_backbone": "backbones",
    "check_component": "conformance", "check_dataset": "datasets", "check_extractor": "extractors",
    "check_file": "conformance", "check_task": "tasks", "ToyAutoencoder": "toys",
    "ToyClassifier": "toys", "ToyPictures": "toys",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'benchbench.testing' has no attribute {name!r}")
    return getattr(importlib.import_module(f"benchbench.testing.{_HOME[name]}"), name)
