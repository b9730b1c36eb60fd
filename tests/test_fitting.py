"""Fitted weights: found again, whole or not at all, fitted by one process at a time."""

from __future__ import annotations

import contextlib
import hashlib
import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from benchbench import progress
from benchbench.errors import DataError, UsageError
from benchbench.fitting import fitted, recipe_digest, weights_digest

RECIPE = {"recipe": "toy", "seed": 0}


def counted() -> tuple[list[int], Callable[[], dict[str, torch.Tensor]]]:
    calls: list[int] = []

    def fit() -> dict[str, torch.Tensor]:
        calls.append(1)
        return {"weight": torch.arange(6.0).reshape(2, 3).T, "steps": torch.tensor(3)}

    return calls, fit


def path(store: Path) -> Path:
    return store / "weights" / f"{recipe_digest(RECIPE)}.safetensors"


def test_weights_are_fitted_once_and_found_again(store: Path) -> None:
    calls, fit = counted()
    first = fitted(RECIPE, fit)
    again = fitted({"seed": 0, "recipe": "toy"}, fit)
    assert len(calls) == 1
    for weights in (first, again, load_file(path(store))):
        assert weights["weight"].tolist() == [[0, 3], [1, 4], [2, 5]]
        assert weights["steps"].item() == 3
    fitted({**RECIPE, "seed": 1}, fit)
    assert len(calls) == 2


def test_the_file_says_what_it_is(store: Path) -> None:
    from safetensors import safe_open

    fitted(RECIPE, counted()[1])
    with safe_open(path(store), "pt") as file:
        metadata = file.metadata()
    assert metadata["recipe"] == '{"recipe":"toy","seed":0}'
    assert metadata["digest"].startswith("sha256:")
    assert not list(store.rglob("*.tmp"))


@pytest.mark.parametrize("damage", ["empty", "truncated", "flipped", "other recipe", "no metadata"])
def test_a_damaged_file_is_fitted_again(store: Path, damage: str) -> None:
    calls, fit = counted()
    fitted(RECIPE, fit)
    file = path(store)
    whole = file.read_bytes()
    if damage == "empty":
        file.write_bytes(b"")
    elif damage == "truncated":
        file.write_bytes(whole[:-5])
    elif damage == "flipped":
        file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    elif damage == "other recipe":
        fitted({**RECIPE, "seed": 1}, fit)
        file.write_bytes((file.parent / f"{recipe_digest({**RECIPE, 'seed': 1})}.safetensors")
                         .read_bytes())  # fmt: skip
        calls.pop()
    else:
        save_file(load_file(file), file)
    assert fitted(RECIPE, fit)["weight"].shape == (3, 2)
    assert len(calls) == 2
    assert load_file(file)["weight"].tolist() == [[0, 3], [1, 4], [2, 5]]
    fitted(RECIPE, fit)
    assert len(calls) == 2


@pytest.mark.parametrize("threads", [None, 1, 2])
def test_a_fit_runs_on_the_threads_it_asks_for(store: Path, threads: int | None) -> None:
    seen: list[int] = []

    def fit() -> dict[str, torch.Tensor]:
        seen.append(torch.get_num_threads())
        if threads == 2:
            raise RuntimeError("no convergence")
        return {"weight": torch.ones(2)}

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with pytest.raises(RuntimeError) if threads == 2 else contextlib.nullcontext():
            fitted(RECIPE, fit, threads=threads)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert seen == [threads or 3]


def test_nothing_is_kept_of_a_fit_that_fails(store: Path) -> None:
    def broken() -> dict[str, torch.Tensor]:
        raise RuntimeError("no convergence")

    with pytest.raises(RuntimeError, match="no convergence"):
        fitted(RECIPE, broken)
    with pytest.raises(DataError, match=r"'weight'.*not finite"):
        fitted(RECIPE, lambda: {"weight": torch.tensor([1.0, float("nan")])})
    with pytest.raises(DataError, match="no tensors"):
        fitted(RECIPE, dict)
    assert not list(store.rglob("*.safetensors"))
    calls, fit = counted()
    fitted(RECIPE, fit)
    assert len(calls) == 1


def test_a_recipe_is_plain_data() -> None:
    with pytest.raises(UsageError, match="plain JSON data"):
        fitted({"source": Path("x")}, dict)
    with pytest.raises(UsageError, match="plain JSON data"):
        recipe_digest({"rate": float("nan")})


def _fit_slowly(log: str) -> None:
    def fit() -> dict[str, torch.Tensor]:
        with open(log, "a") as file:
            file.write("fitted\n")
        time.sleep(0.5)
        return {"weight": torch.ones(2)}

    assert fitted(RECIPE, fit)["weight"].tolist() == [1, 1]


def test_one_process_fits_and_the_others_wait(store: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_fit_slowly, args=(str(log),)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert log.read_text() == "fitted\n"


def test_weights_digest_covers_names_types_shapes_and_bytes() -> None:
    base = {"a": torch.tensor([[1.0, 2.0]]), "n": torch.tensor(3)}
    expected = hashlib.sha256(
        b"a\0torch.float32\0(1, 2)\0" + base["a"].numpy().tobytes()
        + b"n\0torch.int64\0()\0" + base["n"].numpy().tobytes()
    ).hexdigest()  # fmt: skip
    assert weights_digest(base) == f"sha256:{expected}"
    assert weights_digest(dict(reversed(base.items()))) == weights_digest(base)
    changed = [
        {"b": base["a"], "n": base["n"]},
        {**base, "a": base["a"].double()},
        {**base, "a": base["a"].T},
        {**base, "a": torch.tensor([[1.0, 2.5]])},
    ]
    assert len({weights_digest(weights) for weights in [base, *changed]}) == 5
    # A transposed view has the bytes of its own order, not those of its storage.
    square = torch.arange(4.0).reshape(2, 2)
    assert weights_digest({"a": square.T}) == weights_digest({"a": square.T.contiguous()})
    assert weights_digest({"a": torch.ones(2, dtype=torch.bfloat16)}).startswith("sha256:")


def test_progress_reaches_the_reporter_and_nobody_else() -> None:
    heard: list[tuple[str, int, int]] = []
    progress.report("unheard", 1, 2)
    before = progress.set_reporter(lambda *said: heard.append(said))
    try:
        progress.report("fitting", 1, 2)
    finally:
        progress.set_reporter(before)
    progress.report("unheard", 2, 2)
    assert heard == [("fitting", 1, 2)]
