"""The one pass: the same numbers whatever the batches, one forward a batch, failures kept apart."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchbench.features import read_features, stored
from benchbench.plan import make_plan
from benchbench.sweep import Sweeper
from benchbench.sweep_result import Job, SweepResult
from benchbench.tables import image_ids, load_table
from tests.toys import selection


def sweep(
    features: str = "mean", *, precision: str = "float32", batch_size: int | None = None,
    keys: str = "", **changes: Any,
) -> tuple[SweepResult, dict[str, str]]:
    """One sweep of the toys, and the key of each extractor's features."""
    plan = make_plan(selection(features, task="sum", **changes))
    (found,) = plan.sweeps(plan.runnable)
    dataset, backbone = found.source.made.part, found.lens.made.part
    table = load_table(dataset, found.source.limit)
    images = image_ids(table)
    place = {image: i for i, image in enumerate(images)}
    references: list[int | None] = [None] * len(images)
    if "reference" in table:
        for image, reference in zip(table["image"], table["reference"], strict=True):
            references[place[image]] = references[place[reference]] = place[reference]
    jobs = [Job(keys + cell.features_key, cell.feature, {}) for cell in found.cells]
    names = {str(c.extractor.selector): keys + c.features_key for c in found.cells}
    sweeper = Sweeper(
        dataset, images, references, backbone, backbone.build(), found.lens.preprocessing, jobs,
        device=torch.device("cpu"), precision=precision, batch_size=batch_size)
    return sweeper.run(), names


def by_hand(image: str, *, first: bool = False) -> np.ndarray:
    """The toy network's channel means (or deviations) of one image, written out."""
    from benchbench import backbone, dataset

    pixels = dataset("pictures").load(image)
    net = backbone("net").build()
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    x = torch.from_numpy(((pixels / 255 - mean) / std).transpose(2, 0, 1)[None]).float()
    with torch.no_grad():
        hidden = net.first(x)
        found = hidden.std((2, 3), correction=0) if first else net.second(net.act(hidden)).mean(
            (2, 3))
    return found[0].numpy()


def test_features_are_those_of_a_plain_loop(toys: Path) -> None:
    _, keys = sweep("mean,spread,latent,mean[scale=2]")
    ids, values = read_features(keys["mean"])
    assert len(ids) == 30 and len(set(ids)) == 30
    np.testing.assert_allclose(values, [by_hand(image) for image in ids], atol=1e-5)
    np.testing.assert_allclose(read_features(keys["spread"])[1],
                               [by_hand(image, first=True) for image in ids], atol=1e-4)
    np.testing.assert_allclose(read_features(keys["latent"])[1], values, atol=1e-6)
    np.testing.assert_allclose(read_features(keys["mean[scale=2]"])[1], 2 * values, rtol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 2, 7, 100])
def test_the_batch_size_does_not_matter(toys: Path, batch_size: int) -> None:
    features = "mean,behind,error,sharpness"
    _, keys = sweep(features)
    result, others = sweep(features, batch_size=batch_size, keys="x")
    assert result.batch_size <= batch_size
    for name, key in keys.items():
        ids, values = read_features(key)
        assert read_features(others[name])[0] == ids
        np.testing.assert_allclose(read_features(others[name])[1], values, rtol=1e-5, atol=1e-5)


def test_one_decode_an_image_and_one_forward_a_batch(
    toys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_plan(selection("mean"))  # facts are known: what is counted is the sweep's alone
    log = tmp_path / "log"
    monkeypatch.setenv("TOY_LOG", str(log))
    result, _ = sweep("mean,spread,latent,behind,error,product", batch_size=4)
    lines = log.read_text().splitlines()
    loads = Counter(line for line in lines if line.startswith("load"))
    assert len(loads) == 30 and set(loads.values()) == {1}
    forwards = [line.split(" ", 2) for line in lines if line.startswith("forward")]
    assert sum(int(n) for _, n, _ in forwards) == 30 == result.images
    assert {shape for _, _, shape in forwards} == {"(24, 32)", "(28, 20)"}
    assert all(int(n) <= 4 for _, n, _ in forwards)


@pytest.mark.parametrize("most", [1, 5, 11])
def test_out_of_memory_makes_batches_smaller_and_nothing_else(
    toys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    calm, keys = sweep("mean,behind")
    monkeypatch.setenv("TOY_MOST", str(most))
    monkeypatch.setenv("TOY_LOG", str(tmp_path / "log"))
    result, others = sweep("mean,behind", keys="x")
    assert not result.failures and calm.oom_retries == 0
    assert result.batch_size <= most
    forwards = [int(line.split()[1]) for line in (tmp_path / "log").read_text().splitlines()
                if line.startswith("forward")]
    assert result.oom_retries == sum(n > most for n in forwards) <= 4
    for name, key in keys.items():
        np.testing.assert_allclose(read_features(others[name])[1], read_features(key)[1],
                                   rtol=1e-5, atol=1e-5)


def test_one_image_that_does_not_fit(
    toys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bounded: the batch is halved down to one, and then it is over."""
    make_plan(selection("mean"))
    monkeypatch.setenv("TOY_MOST", "0")
    monkeypatch.setenv("TOY_LOG", str(tmp_path / "log"))
    result, keys = sweep("mean,spread")
    forwards = [int(line.split()[1]) for line in (tmp_path / "log").read_text().splitlines()
                if line.startswith("forward")]
    assert forwards == [15, 7, 3, 1]
    assert result.oom_retries == 4
    assert {key: f.status for key, f in result.failures.items()} == dict.fromkeys(
        keys.values(), "oom")
    assert all("1 images do not fit" in f.reason for f in result.failures.values())
    assert not any(stored(key) for key in keys.values())


def test_an_extractor_that_never_fits_harms_no_other(toys: Path) -> None:
    result, keys = sweep("greedy,mean")
    assert {key for key, f in result.failures.items()} == {keys["greedy"]}
    assert result.failures[keys["greedy"]].status == "oom"
    assert stored(keys["mean"]) and not stored(keys["greedy"])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("notfinite", r"features of image 'c\d_l4' are not finite"),
        ("raises", "^ValueError: the extractor is at a loss$"),
        ("wrongshape", r"extract gave shape \(\d+, 5\), expected \(\d+, 6\) as shape"),
        ("notensor", "extract gave a list, expected a tensor"),
        ("nolayer", "layer 'third'"),
        ("behindnothing", "layer 'third'"),
    ],
)
def test_a_failing_extractor_harms_no_other(toys: Path, name: str, said: str) -> None:
    result, keys = sweep(f"mean,{name},behind")
    (failed,) = result.failures
    assert failed == keys[name]
    failure = result.failures[failed]
    assert failure.status == "failed" and re.search(said, failure.reason), failure.reason
    assert failure.traceback is not None and "Traceback" in failure.traceback
    assert stored(keys["mean"]) and stored(keys["behind"]) and not stored(keys[name])


def test_a_sweep_of_failures_ends_at_once(toys: Path) -> None:
    result, _ = sweep("raises,wrongshape", batch_size=2)
    assert len(result.failures) == 2 and result.images <= 2


def test_the_reference_s_signals(toys: Path) -> None:
    """References that are rows, references that are not, and a reference of itself."""
    for rows in ("noisy", "all"):
        _, keys = sweep("behind,error", dataset=f"pictures[rows={rows}]", batch_size=3)
        ids, values = read_features(keys["behind"])
        _, errors = read_features(keys["error"])
        from benchbench import dataset

        pictures = dataset("pictures")
        for image, value, error in zip(ids, values, errors, strict=True):
            head = image.split("_")[0] + "_l0"
            np.testing.assert_allclose(value, by_hand(image) - by_hand(head), atol=1e-5)
            difference = pictures.load(image).astype(float) - pictures.load(head)
            assert error == pytest.approx(np.mean(difference**2), rel=1e-6)
            if image == head:
                assert error == 0 and not value.any()


def test_raw_pixels_of_cropped_images_differ_in_size(toys: Path) -> None:
    """One batch of crops holds images of several native sizes; pixels come size by size."""
    dataset = "pictures[sizes=3]"
    _, native = sweep("error,product", dataset=dataset)
    result, cropped = sweep("mean,error,product", dataset=dataset, backbone="net[size=16]",
                            keys="x")
    assert not result.failures and result.batch_size > 12
    for name in ("error", "product"):
        np.testing.assert_allclose(read_features(cropped[name])[1], read_features(native[name])[1],
                                   rtol=1e-6)


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_precision_is_that_of_the_backbone_alone(toys: Path, precision: str) -> None:
    _, exact = sweep("mean,product")
    _, other = sweep("mean,product", precision=precision, keys="x")
    np.testing.assert_array_equal(read_features(other["product"])[1],
                                  read_features(exact["product"])[1])
    same = np.array_equal(read_features(other["mean"])[1], read_features(exact["mean"])[1])
    assert same == (precision == "float32")
    np.testing.assert_allclose(read_features(other["mean"])[1], read_features(exact["mean"])[1],
                               atol=0.02)


def test_a_sweep_goes_on_where_it_was_and_ends_with_the_same_numbers(
    toys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchbench import sweep as module

    _, whole = sweep("mean,behind", keys="w", batch_size=2)
    monkeypatch.setattr(module, "CHECKPOINT_S", -1.0)
    write, written = module.FeatureWriter.write, []

    def stop(self: Any, rows: Any, values: Any) -> None:
        written.extend(rows)
        if len(written) > 20:
            raise KeyboardInterrupt
        write(self, rows, values)

    monkeypatch.setattr(module.FeatureWriter, "write", stop)
    with pytest.raises(KeyboardInterrupt):
        sweep("mean,behind", batch_size=2)
    monkeypatch.setattr(module.FeatureWriter, "write", write)
    result, keys = sweep("mean,behind", batch_size=2)
    assert 0 < result.images < 30
    for name, key in keys.items():
        np.testing.assert_array_equal(read_features(key)[1], read_features(whole[name])[1])


def test_an_unreadable_image_is_named(toys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchbench import DataError

    plan = make_plan(selection("mean"))
    kind = type(plan.cells[0].source.made.part)
    load = kind.load

    def torn(self: Any, image: str) -> Any:
        if image == "c2_l3":
            raise OSError("half a file")
        return load(self, image)[..., :1] if image == "c9" else load(self, image)

    monkeypatch.setattr(kind, "load", torn)
    with pytest.raises(DataError, match="image 'c2_l3': OSError: half a file"):
        run_plan(plan)


def run_plan(plan: Any) -> SweepResult:
    (found,) = plan.sweeps(plan.runnable)
    dataset, backbone = found.source.made.part, found.lens.made.part
    images = image_ids(load_table(dataset))
    jobs = [Job(cell.features_key, cell.feature, {}) for cell in found.cells]
    return Sweeper(dataset, images, [None] * len(images), backbone, backbone.build(),
                   found.lens.preprocessing, jobs, device=torch.device("cpu")).run()
