"""Datasets by name: what one is made of is part of its identity."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchbench.catalogue import make_dataset
from benchbench.errors import UsageError
from benchbench.names import parse
from benchbench.tables import dataset_facts

OUTER = '''
from benchbench import WrappedDataset, dataset

class Outer(WrappedDataset):
    name = "outer"

    def __init__(self):
        super().__init__(dataset("inner"))

    def table(self):
        return self.whole.table()

from benchbench import hookimpl

@hookimpl
def benchbench_datasets():
    return [Outer]
'''
INNER = '''
import numpy as np
import pandas as pd
from benchbench import Dataset, ImageFacts, hookimpl

class Inner(Dataset):
    name = "inner"

    def table(self):
        return pd.DataFrame({"image": ["a"], "label": [LABEL]})

    def load(self, image):
        return np.zeros((8, 8, 3), np.uint8)

    def inspect(self, images):
        return [ImageFacts("0", 8, 8) for _ in images]

@hookimpl
def benchbench_datasets():
    return [Inner]
'''


def test_facts_are_made_anew_when_the_code_of_an_inner_dataset_changes(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_registry: None
) -> None:
    from benchbench.identity import code_digest
    from benchbench.registry import registry

    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "outer.py").write_text(OUTER)
    monkeypatch.setenv("BENCHBENCH_PLUGIN_PATH", str(folder))
    prints = []
    for label in ("1", "1", "1 + 1"):
        (folder / "inner.py").write_text(INNER.replace("LABEL", label))
        registry.cache_clear()
        code_digest.cache_clear()
        prints.append(dataset_facts(make_dataset(parse("outer"))).fingerprint)
    assert prints[0] == prints[1] != prints[2]


def test_an_identity_names_what_the_dataset_is_made_of() -> None:
    distorted, *_ = make_dataset(parse("demo")).identity["datasets"]
    [photographs] = distorted["datasets"]
    assert "datasets" not in photographs
    assert "datasets" not in make_dataset(parse("photographs")).identity


def test_a_name_that_fails_leaves_nothing_behind() -> None:
    with pytest.raises(UsageError):
        make_dataset(parse("distorted[source=nothing-of-the-kind,with=jpeg]"))
    assert "datasets" not in make_dataset(parse("photographs")).identity
