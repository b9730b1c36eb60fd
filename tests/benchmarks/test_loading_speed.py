"""Images a second of a folder of JPEGs, loaded and preprocessed by two workers.

``pytest tests/benchmarks/test_loading_speed.py --benchmark-enable -s`` measures; without the flag
one small round shows that all agree. Yardstick: a bare ``DataLoader`` with torchvision's decoder,
and torchvision's transforms on the picture (the same pixels as ours to the bit). Shown too: the
same transforms on the tensor, whose resampling is coarser (up to 2 grey levels from the former).
At native size there is nothing to transform. Contender and yardsticks run in turn.
"""

from __future__ import annotations

import resource
import shutil
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.io import ImageReadMode, decode_jpeg, read_file
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from benchbench.catalogue import make_dataset
from benchbench.loading import load_images
from benchbench.names import parse
from benchbench.preprocessing import Preprocessing

BATCH, WORKERS = 32, 2
RESIZE = (v2.Resize(256, interpolation=v2.InterpolationMode.BILINEAR, antialias=True),
          v2.CenterCrop(224))
PICTURE = v2.Compose([v2.ToPILImage(), *RESIZE, v2.PILToTensor()])
TENSOR = v2.Compose(RESIZE)


class Bare(torch.utils.data.Dataset[torch.Tensor]):
    def __init__(self, files: Sequence[Path], transform: Callable[..., torch.Tensor] | None):
        self.files, self.transform = files, transform

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, place: int) -> torch.Tensor:
        image = decode_jpeg(read_file(str(self.files[place])), mode=ImageReadMode.RGB)
        return image if self.transform is None else self.transform(image)


def bare(files: Sequence[Path], transform: Callable[..., torch.Tensor] | None) -> int:
    size = None if transform is None else BATCH
    loader = torch.utils.data.DataLoader(Bare(files, transform), batch_size=size,
                                         num_workers=WORKERS)
    return sum(1 if size is None else len(batch) for batch in loader)


def ours(folder: Path, size: str) -> int:
    dataset = make_dataset(parse(f"folder[path={folder}]")).part
    images = list(dataset.table()["image"])
    batch: list[torch.Tensor] = []
    for item in load_images(dataset, images, range(len(images)), Preprocessing(size),
                            torch.device("cpu"), WORKERS, native=False):
        batch.append(item.prepared)
        if len(batch) == BATCH and size == "model":
            torch.stack(batch)
            batch.clear()
    return len(images)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, shared_data: Path,
           request: pytest.FixtureRequest) -> Path:
    folder = tmp_path_factory.mktemp("jpegs")
    files = sorted((shared_data / "imagenet_sample/images").iterdir())
    measured = request.config.getoption("--benchmark-enable")
    for copy in range(5 if measured else 1):
        for file in files if measured else files[:20]:
            shutil.copy(file, folder / f"{copy}_{file.stem}.jpg")
    return folder


@pytest.mark.parametrize("size", ["model", "native"])
@pytest.mark.benchmark(group="loading")
def test_two_workers_against_a_bare_loader(
    folder: Path, size: str, benchmark: object, capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    files = sorted(folder.iterdir())
    calls: dict[str, Callable[[], int]] = {"ours": lambda: ours(folder, size)}
    if size == "model":
        calls["bare, on pictures"] = lambda: bare(files, PICTURE)
        calls["bare, on tensors"] = lambda: bare(files, TENSOR)
        _check_pixels(files[:20])
    else:
        calls["bare"] = lambda: bare(files, None)
    rounds = 5 if request.config.getoption("--benchmark-enable") else 1
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    processor: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start, used = time.perf_counter(), _processor()
            assert call() == len(files)
            seconds[name].append(time.perf_counter() - start)
            processor[name].append(_processor() - used)
    benchmark.pedantic(calls["ours"], rounds=1)  # type: ignore[attr-defined]
    with capsys.disabled():
        own, own_cpu = (statistics.median(t["ours"]) for t in (seconds, processor))
        print(f"\nloading at {size} size: {len(files) / own:.0f} images/s")
        for name in list(calls)[1:]:
            other, cpu = (statistics.median(t[name]) for t in (seconds, processor))
            print(f"  {other / own:.2f} times as many images a second as {name} "
                  f"(processor time {own_cpu / cpu:.2f} of its)")


def _check_pixels(files: Sequence[Path]) -> None:
    dataset = make_dataset(parse(f"folder[path={files[0].parent}]")).part
    for file in files:
        own = Preprocessing().apply(dataset.load(file.name))
        picture = PICTURE(decode_jpeg(read_file(str(file)), mode=ImageReadMode.RGB))
        np.testing.assert_array_equal(own, picture.permute(1, 2, 0).numpy())
        tensor = TENSOR(functional.to_image(dataset.load(file.name))).permute(1, 2, 0).numpy()
        assert np.abs(own.astype(int) - tensor).max() <= 2


def _processor() -> float:
    """Processor seconds of this process and of the workers that have ended."""
    own, ended = (resource.getrusage(who) for who in (resource.RUSAGE_SELF,
                                                      resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime
