"""Fixtures that all tests share: a store of their own and the real data, where it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("BENCHBENCH_TEST_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session", autouse=True)
def _session_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The suite never reads or writes the user's own store, but shares one between tests, so that
    a backbone is fitted once."""
    patch = pytest.MonkeyPatch()
    patch.setenv("BENCHBENCH_STORE", str(tmp_path_factory.mktemp("store")))
    for name in ("BENCHBENCH_DATA", "BENCHBENCH_PLUGIN_PATH", "BENCHBENCH_STRICT"):
        patch.delenv(name, raising=False)
    yield
    patch.undo()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty store of this test's own."""
    path = tmp_path / "store"
    monkeypatch.setenv("BENCHBENCH_STORE", str(path))
    return path


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real images, human scores and weights, which are not part of the repository."""
    if not SHARED.is_dir():
        reason = f"the real test data are not at {SHARED}; set BENCHBENCH_TEST_DATA"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return SHARED


@pytest.fixture
def fresh_registry() -> Iterator[None]:
    """Plugins are discovered anew in this test and after it."""
    from benchbench.registry import registry

    registry.cache_clear()
    yield
    registry.cache_clear()


@pytest.fixture
def toys(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_registry: None
) -> Path:
    """The folder of the plugins of ``tests.toys``; it is on the plugin path."""
    from tests.toys import forget_plugins, write_plugins

    folder = tmp_path / "plugins"
    write_plugins(folder)
    monkeypatch.setenv("BENCHBENCH_PLUGIN_PATH", str(folder))
    forget_plugins()
    return folder
