"""Expected failures, the share of differences, and what can be checked."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchbench import UsageError
from benchbench.names import parse
from benchbench.registry import registry
from benchbench.testing import assert_conforms, check_dataset, check_extractor, check_task
from benchbench.testing.rig import difference
from tests.testing.cheating_extractors import GrowsWithTheImage, NoSummary, Sound
from tests.testing.suites import result


def test_expected_failures_are_shown_with_their_reason() -> None:
    class Map(GrowsWithTheImage):
        expected_failures = {"image_size": "the whole image"}  # noqa: RUF012

    check = result(check_extractor(Map), "image_size")
    assert check.status == "expected" and check.ok
    assert check.detail.startswith("the whole image (shape() says (3, 32, 32)")
    check = result(check_extractor(Sound, expected_failures={"shape": "no"}), "shape")
    assert check.status == "warning" and check.ok
    with pytest.raises(UsageError, match="no such check; did you mean 'shape'"):
        list(check_extractor(Sound, expected_failures={"shap": "no"}))


def test_assert_conforms_lists_what_failed() -> None:
    with pytest.raises(AssertionError, match=r"1 of 17 checks failed\n.*summary is empty"):
        assert_conforms(check_extractor(NoSummary))
    with pytest.raises(AssertionError, match="nothing was checked"):
        assert_conforms([])


def test_difference_is_a_share_of_the_largest_number() -> None:
    a = torch.tensor([[1.0, -4.0]])
    assert difference(a + 0.4, a) == pytest.approx(0.1)
    assert difference(torch.zeros(2), torch.zeros(2)) == 0
    assert difference(torch.ones(2), torch.zeros(2)) == np.inf
    assert np.isnan(difference(a * torch.nan, a))


def test_names_classes_and_instances_are_taken() -> None:
    by_name = [c.name for c in check_dataset("photographs[set=natural]")]
    by_instance = [c.name for c in check_dataset(registry().make(
        "dataset", parse("photographs[set=natural]")).part)]
    assert by_name == by_instance
    with pytest.raises(UsageError, match="expected the name, the class or an instance of a task"):
        list(check_task(Sound))  # type: ignore[arg-type]
