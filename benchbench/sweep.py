"""The one pass: every image of a dataset through one backbone, for every extractor there is."""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from benchbench.batching import BatchSize, batches, ordered
from benchbench.cells import Feature
from benchbench.errors import DataError
from benchbench.features import FeatureWriter
from benchbench.interfaces import Backbone, Dataset
from benchbench.loading import Loaded, load_images
from benchbench.memory import out_of_memory, peak_mb, release, start_peak
from benchbench.precision import precision_scope
from benchbench.preprocessing import Preprocessing
from benchbench.probes import OfReference, Pixels, Probe
from benchbench.signals import Reactor
from benchbench.sweep_result import Failure, Job, SweepResult

CHECKPOINT_S = 5.0
Progress = Callable[[int, int], None]


class _Lane:
    """One extractor on its way through the sweep."""

    def __init__(self, job: Job, images: Sequence[str]) -> None:
        self.job = job
        self.writer = FeatureWriter(job.key, images, job.feature.shape, job.metadata)
        self.own = {p for p in job.feature.probes if not isinstance(p, OfReference)}
        self.inner = {p.probe for p in job.feature.probes if isinstance(p, OfReference)}

    def extract(self, signals: Mapping[Probe, Any], names: Sequence[str]) -> np.ndarray:
        """The features of a batch, checked. Raises what the extractor raises."""
        values = self.job.feature.made.part.extract(signals)
        expected = (len(names), *self.job.feature.shape)
        if not isinstance(values, torch.Tensor):
            raise DataError(f"extract gave a {type(values).__name__}, expected a tensor {expected}")
        if tuple(values.shape) != expected:
            raise DataError(f"extract gave shape {tuple(values.shape)}, expected {expected} "
                            "as shape() says")
        array: np.ndarray = values.detach().float().cpu().numpy()
        finite = np.isfinite(array.reshape(len(names), -1)).all(axis=1)
        if not finite.all():
            first = names[int(np.flatnonzero(~finite)[0])]
            raise DataError(f"features of image {first!r} are not finite "
                            f"({int((~finite).sum())} such images in its batch)")
        return array


class Sweeper:
    """Runs one sweep. A batch is a transaction: its rows are kept when all of it has succeeded."""

    def __init__(
        self, dataset: Dataset, images: Sequence[str], references: Sequence[int | None],
        backbone: Backbone, model: torch.nn.Module, preprocessing: Preprocessing,
        jobs: Sequence[Job], *, device: torch.device, precision: str = "float32",
        labels: Sequence[int] | None = None, batch_size: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.dataset, self.images, self.references = dataset, list(images), list(references)
        self.backbone, self.model = backbone, model.to(device)
        self.preprocessing, self.device, self.precision = preprocessing, device, precision
        self.labels, self.progress = labels, progress
        self.size = BatchSize(device, batch_size)
        self.result = SweepResult()
        self.lanes = [_Lane(job, self.images) for job in jobs]
        self.mean, self.std = preprocessing.tensors(torch.float32, device)
        self.kept: dict[int, dict[Probe, Any]] = {}
        self.said: dict[str, set[Probe]] = {}
        self._reactors: dict[frozenset[Probe], Reactor] = {}

    def run(self) -> SweepResult:
        began = time.perf_counter()
        start_peak(self.device)
        try:
            with precision_scope(self.precision, self.device):
                for stage in self._stages():
                    self._stage(stage)
                    if not self.lanes:
                        break
            for lane in self.lanes:
                lane.writer.finish()
        except BaseException:
            for lane in self.lanes:
                with contextlib.suppress(AttributeError):
                    lane.writer.checkpoint()
                    lane.writer.close()
            raise
        self.result.seconds = time.perf_counter() - began
        self.result.peak_memory_mb = peak_mb(self.device)
        self.result.batch_size = self.size.largest
        self.result.oom_retries = self.size.retries
        return self.result

    def notes(self, feature: Feature) -> list[str]:
        """What the sweep had to say of the signals that these features are made of."""
        asked = {p.probe if isinstance(p, OfReference) else p for p in feature.probes}
        return [note for note, probes in self.said.items() if probes & asked]

    def _stages(self) -> list[list[int]]:
        if not any(lane.inner for lane in self.lanes):
            return [list(range(len(self.images)))]
        return ordered(self.references, chunk=8)

    def _stage(self, stage: list[int]) -> None:
        done = np.logical_and.reduce([lane.writer.done for lane in self.lanes])
        heads = {i for i in stage if self.references[i] == i}
        waited_for = any(lane.inner for lane in self.lanes)
        order = [i for i in stage if not done[i] or (waited_for and i in heads)]
        if not heads:
            in_stage = {self.references[i] for i in stage}
            self.kept = {k: v for k, v in self.kept.items() if k in in_stage}
        saved = time.monotonic()
        native = any(Pixels() in lane.own | lane.inner for lane in self.lanes)
        loaded = load_images(self.dataset, self.images, order, self.preprocessing, self.device,
                             native=native)
        for batch in batches(loaded, self.size):
            self._batch(batch, keep=waited_for and bool(heads))
            if not self.lanes:
                return
            if time.monotonic() - saved > CHECKPOINT_S:
                for lane in self.lanes:
                    lane.writer.checkpoint()
                saved = time.monotonic()
            if self.progress is not None:
                now = np.logical_and.reduce([lane.writer.done for lane in self.lanes])
                self.progress(int(now.sum()), len(self.images))

    def _batch(self, batch: list[Loaded], keep: bool) -> None:
        """Process a batch, in halves after out-of-memory."""
        pixels = batch[0].prepared[0].numel()
        pending = [batch]
        while pending and self.lanes:
            part = pending.pop(0)
            try:
                rows = self._attempt(part, keep)
            except Exception as error:
                if not out_of_memory(error):
                    self._fail_all(error)
                    return
                traceback.clear_frames(error.__traceback__)  # they hold the batch's tensors
                release(self.device)
                if not self.size.failed(len(part), pixels):
                    self._fail_all(error, "oom")
                    return
                middle = len(part) // 2
                pending[:0] = [part[:middle], part[middle:]]
                continue
            for lane, values in rows:
                lane.writer.write([item.index for item in part], values)
            self.size.worked(len(part), pixels)
            self.result.images += len(part)

    def _attempt(self, part: list[Loaded], keep: bool) -> list[tuple[_Lane, np.ndarray]]:
        wanted = frozenset().union(*(lane.own | (lane.inner if keep else set())
                                     for lane in self.lanes))
        signals = self._react(part, wanted)
        if keep:
            self._keep(part, signals)
        names = [self.images[item.index] for item in part]
        rows = []
        for lane in list(self.lanes):
            try:
                rows.append((lane, self._extract(lane, part, signals, names)))
            except Exception as error:
                if not out_of_memory(error):
                    self._fail(lane, error)
                elif len(part) == 1:  # this extractor alone does not fit
                    self._fail(lane, error, "oom")
                else:
                    raise
        return rows

    def _react(self, part: list[Loaded], wanted: frozenset[Probe]) -> Any:
        stacked = torch.stack([item.prepared.to(self.device, non_blocking=True) for item in part])
        probes = wanted - {Pixels()}
        inputs = self.backbone.prepare(stacked, self.mean, self.std) if probes else stacked
        labels = None
        if self.labels is not None:
            labels = torch.tensor([self.labels[item.index] for item in part], device=self.device)
        reactor = self._reactors.get(probes)
        if reactor is None:
            reactor = self._reactors[probes] = Reactor(self.backbone, self.model, probes)
        signals = reactor(inputs, labels=labels)
        for note, about in signals.notes.items():
            self.said.setdefault(note, set()).update(about)
        return signals

    def _extract(self, lane: _Lane, part: list[Loaded], signals: Any,
                 names: Sequence[str]) -> np.ndarray:
        """One extractor's rows. Raw pixels differ in size within a batch of cropped images, so
        that an extractor that asks for them is called once a size. One that looks at pixels alone
        rides along with any backbone, and is computed in full precision."""
        if not lane.job.feature.made.part.needs_backbone:
            with precision_scope("float32", self.device):
                return self._extract_by_size(lane, part, signals, names)
        return self._extract_by_size(lane, part, signals, names)

    def _extract_by_size(self, lane: _Lane, part: list[Loaded], signals: Any,
                         names: Sequence[str]) -> np.ndarray:
        sizes: dict[tuple[int, ...], list[int]] = {}
        for place, item in enumerate(part):
            sizes.setdefault(self._native_sizes(lane, item), []).append(place)
        if len(sizes) == 1:
            return lane.extract(_View(self, lane, part, signals), names)
        values = np.empty((len(part), *lane.job.feature.shape), np.float32)
        for places in sizes.values():
            view = _View(self, lane, [part[i] for i in places], signals, places)
            values[places] = lane.extract(view, [names[i] for i in places])
        return values

    def _native_sizes(self, lane: _Lane, item: Loaded) -> tuple[int, ...]:
        """The sizes of the raw pixels that the extractor asks for: the image's, its reference's."""
        own = tuple(item.pixels.shape) if Pixels() in lane.own else ()
        head = self.references[item.index]
        if Pixels() not in lane.inner or head not in self.kept:
            return own
        return own + tuple(self.kept[head][Pixels()].shape)

    def _keep(self, part: list[Loaded], signals: Any) -> None:
        """Keep what is asked of references; an error too, for the extractor that asks."""
        for probe in frozenset().union(*(lane.inner for lane in self.lanes)):
            try:
                rows = [item.pixels.to(self.device) for item in part] if isinstance(
                    probe, Pixels) else [row.clone() for row in signals[probe]]
            except Exception as error:
                if out_of_memory(error):
                    raise
                rows = [error] * len(part)
            for item, row in zip(part, rows, strict=True):
                self.kept.setdefault(item.index, {})[probe] = row

    def _fail(self, lane: _Lane, error: Exception, status: str = "failed") -> None:
        lane.writer.close()
        self.lanes.remove(lane)
        reason = str(error) if isinstance(error, DataError) else f"{type(error).__name__}: {error}"
        self.result.failures[lane.job.key] = Failure(
            status, reason, "".join(traceback.format_exception(error)))
        self._reactors.clear()

    def _fail_all(self, error: Exception, status: str = "failed") -> None:
        for lane in list(self.lanes):
            self._fail(lane, error, status)


class _View(Mapping[Probe, Any]):
    """The signals that one extractor asked for, for some images of the batch."""

    def __init__(self, sweeper: Sweeper, lane: _Lane, part: list[Loaded], signals: Any,
                 places: Sequence[int] | None = None) -> None:
        self.sweeper, self.lane, self.part = sweeper, lane, part
        self.signals, self.places = signals, places

    def __getitem__(self, probe: Probe) -> Any:
        if probe not in self.lane.job.feature.probes:
            raise KeyError(f"{probe} was not asked for in probes()")
        if isinstance(probe, Pixels):
            device = self.sweeper.device
            return torch.stack([item.pixels.to(device, non_blocking=True) for item in self.part])
        if isinstance(probe, OfReference):
            return self._of_reference(probe.probe)
        value = self.signals[probe]
        return value if self.places is None or not isinstance(value, torch.Tensor) else (
            value[list(self.places)]
        )

    def __iter__(self) -> Iterator[Probe]:
        return iter(self.lane.job.feature.probes)

    def __len__(self) -> int:
        return len(self.lane.job.feature.probes)

    def _of_reference(self, probe: Probe) -> Any:
        heads = [self.sweeper.references[item.index] for item in self.part]
        missing = next((self.part[i].index for i, head in enumerate(heads) if head is None), None)
        if missing is not None:
            raise DataError(f"image {self.sweeper.images[missing]!r} has no reference")
        found = [self.sweeper.kept[head][probe] for head in heads]  # type: ignore[index]
        for value in found:
            if isinstance(value, Exception):
                raise value
        if all(head == heads[0] for head in heads):
            return found[0].expand(len(heads), *found[0].shape)
        return torch.stack(found)
