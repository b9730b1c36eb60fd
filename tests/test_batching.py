"""The order of a sweep and the size of its batches: nothing twice, nothing left out, bounded."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from benchbench import batching
from benchbench.batching import BatchSize, batches, ordered
from benchbench.loading import Loaded

CPU = torch.device("cpu")


@st.composite
def _references(draw: st.DrawFn) -> list[int | None]:
    """Images with a reference of their own kind: a reference stands for itself."""
    n = draw(st.integers(1, 30))
    heads = draw(st.sets(st.integers(0, n - 1)))
    choice = st.sampled_from([None, *sorted(heads)])
    return [i if i in heads else draw(choice) for i in range(n)]


@given(_references(), st.integers(1, 10))
def test_every_image_once_and_after_its_reference(
    references: list[int | None], chunk: int
) -> None:
    stages = ordered(references, chunk)
    flat = [image for stage in stages for image in stage]
    assert sorted(flat) == list(range(len(references)))
    stage_of = {image: number for number, stage in enumerate(stages) for image in stage}
    for image, reference in enumerate(references):
        if reference is not None and reference != image:
            # Its signals are there, and are needed for one stage only.
            assert stage_of[image] == stage_of[reference] + 1
    assert all(stages)


@given(_references(), st.integers(1, 10))
def test_few_references_are_held_at_a_time(references: list[int | None], chunk: int) -> None:
    for stage in ordered(references, chunk):
        heads = {references[i] for i in stage} - {None}
        assert len(heads) <= chunk


def _image(index: int, height: int, width: int) -> Loaded:
    pixels = torch.zeros(3, height, width, dtype=torch.uint8)
    return Loaded(index, pixels, pixels)


SIZES = st.sampled_from([(4, 6), (6, 4), (8, 8), (3, 100)])


@given(st.lists(SIZES, max_size=40), st.integers(1, 2000))
def test_batches_hold_one_size_every_image_once_and_no_more_than_the_budget(
    sizes: list[tuple[int, int]], budget: int
) -> None:
    size = BatchSize(CPU)
    size.budget = budget
    found = list(batches((_image(i, *s) for i, s in enumerate(sizes)), size))
    assert sorted(item.index for batch in found for item in batch) == list(range(len(sizes)))
    for batch in found:
        assert len({item.prepared.shape for item in batch}) == 1
        pixels = batch[0].prepared[0].numel()
        assert len(batch) == 1 or len(batch) * pixels <= budget
    for kind in set(sizes):  # within a size, in order of arrival
        order = [i.index for b in found for i in b if tuple(i.prepared.shape[1:]) == kind]
        assert order == sorted(order)


@given(st.lists(SIZES, max_size=40), st.integers(1, 9))
def test_a_fixed_batch_size(sizes: list[tuple[int, int]], fixed: int) -> None:
    images = (_image(i, *s) for i, s in enumerate(sizes))
    found = [len(batch) for batch in batches(images, BatchSize(CPU, fixed))]
    assert all(n <= fixed for n in found)
    full = sum(sizes.count(kind) // fixed for kind in set(sizes))
    assert found.count(fixed) == full


def test_images_that_wait_are_bounded(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(batching, "HELD_PIXELS", 1000)
    taken = 0

    def images():  # type: ignore[no-untyped-def]
        nonlocal taken
        for i in range(50):
            taken += 1
            yield _image(i, 10, 10 + i)  # no two of one size: none is ever full

    given_out = 0
    for batch in batches(images(), BatchSize(CPU)):
        given_out += len(batch)
        if given_out < 40:
            assert taken - given_out <= 10
    assert given_out == 50


def test_a_group_that_waited_while_the_size_shrank_is_cut() -> None:
    size = BatchSize(CPU)
    size.budget = 10 * 24
    images = [_image(i, 4, 6) for i in range(9)]
    found = []
    for batch in batches([*images, _image(9, 4, 6), *(_image(i, 4, 6) for i in range(10, 17))],
                         size):
        found.append(len(batch))
        size.budget = 3 * 24
    assert found[0] == 10 and max(found[1:]) <= 3 and sum(found) == 17


EVENTS = st.lists(st.tuples(st.booleans(), st.integers(1, 500)), max_size=60)


@given(EVENTS, st.none() | st.integers(1, 300))
def test_halving_and_growing_never_pass_what_has_fitted(
    events: list[tuple[bool, int]], fixed: int | None
) -> None:
    """Whatever happens: at least one image, at most the fixed number, less after a failure, and
    after the first failure never more pixels than have fitted, or than half of what has not."""
    size = BatchSize(CPU, fixed)
    allowed = 0
    for worked, pixels in events:
        images = size.images(pixels)
        assert 1 <= images <= (fixed or batching.MOST_IMAGES)
        if size.retries and images > 1:
            assert images * pixels <= max(allowed, size.fitted)
        if worked:
            size.worked(images, pixels)
        else:
            assert size.failed(images, pixels) == (images > 1)
            allowed = max(images // 2, 1) * pixels
            assert size.images(pixels) <= max(images // 2, 1)


def test_growing_back() -> None:
    size = BatchSize(CPU)
    size.worked(64, 100)
    size.failed(64, 100)
    assert size.images(100) == 32
    for _ in range(batching.GROW_AFTER - 1):
        size.worked(32, 100)
    assert size.images(100) == 32
    size.worked(32, 100)
    assert size.images(100) == 64
    for _ in range(5 * batching.GROW_AFTER):
        size.worked(64, 100)
    assert size.images(100) == 64 and size.retries == 1 and size.largest == 64


def test_a_limit_that_moves_is_found_in_a_bounded_number_of_tries() -> None:
    size = BatchSize(CPU)
    size.budget = 256 * 100
    tries, images = 0, 256
    while images > 3:
        size.failed(images, 100)
        images = size.images(100)
        tries += 1
    assert tries == 7
