from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from benchbench.statistics.ood import OOD_METRICS, Threshold, accepting, ood_metrics

coarse = st.integers(-5, 5).map(float)
fine = st.floats(-1e3, 1e3)


@st.composite
def scored(draw, elements=coarse | fine):
    n = draw(st.integers(5, 60))
    scores = draw(st.lists(elements, min_size=n, max_size=n).map(np.array))
    flags = draw(st.lists(st.booleans(), min_size=n, max_size=n).map(np.array))
    return scores, flags


def sample(n=400, seed=0, digits=1):
    random = np.random.default_rng(seed)
    outlier = random.random(n) < 0.3
    return np.round(random.normal(size=n) + outlier, digits), outlier


def values(found):
    return {name: estimate.value for name, estimate in found.items()}


@given(scored())
@settings(max_examples=300, deadline=None)
def test_curves_agree_with_scikit_learn(series):
    scores, outlier = series
    found = values(ood_metrics(scores, outlier))
    if outlier.all() or not outlier.any() or scores.min() == scores.max():
        assert all(value is None for value in found.values())
        return
    assert found["auroc"] == pytest.approx(sk.roc_auc_score(outlier, scores))
    for name, positive, toward in (("out", outlier, scores), ("in", ~outlier, -scores)):
        precision, recall, _ = sk.precision_recall_curve(positive, toward)
        assert found[f"aupr_{name}"] == pytest.approx(sk.auc(recall, precision))
    for name, positive, toward in (("ood", outlier, scores), ("id", ~outlier, -scores)):
        fpr, tpr, _ = sk.roc_curve(positive, toward, drop_intermediate=False)
        assert found[f"fpr95_{name}_positive"] == pytest.approx(fpr[tpr >= 0.95].min())
    fpr, tpr, _ = sk.roc_curve(outlier, scores, drop_intermediate=False)
    assert found["detection_accuracy"] == pytest.approx(1 - np.min((1 - tpr + fpr) / 2))


@pytest.mark.parametrize("digits", [0, 1, 6])
def test_agrees_with_pytorch_ood(digits):
    torch = pytest.importorskip("torch")
    oracle = pytest.importorskip("pytorch_ood.metrics").OODMetrics()
    scores, outlier = sample(digits=digits)
    oracle.update(torch.tensor(scores), torch.tensor(np.where(outlier, -1, 1)))
    expected, found = oracle.compute(), values(ood_metrics(scores, outlier))
    for name, theirs in (
        ("auroc", "AUROC"),
        ("aupr_in", "AUPR-IN"),
        ("aupr_out", "AUPR-OUT"),
        ("fpr95_ood_positive", "FPR95TPR"),
    ):
        assert found[name] == pytest.approx(expected[theirs], abs=1e-9)


def test_agrees_with_torchmetrics():
    torch = pytest.importorskip("torch")
    functional = pytest.importorskip("torchmetrics.functional.classification")
    # Torchmetrics squeezes scores through a sigmoid unless they are in [0, 1] already.
    scores, outlier = sample()
    scores = (scores - scores.min()) / np.ptp(scores)
    found = values(ood_metrics(scores, outlier, threshold=0.5 + 1e-9))
    a, b = torch.tensor(scores), torch.tensor(outlier).int()
    assert found["auroc"] == pytest.approx(float(functional.binary_auroc(a, b)), abs=1e-6)
    assert found["accuracy"] == pytest.approx(float(functional.binary_accuracy(a, b)), abs=1e-6)


@given(scored(), st.integers(-5, 5))
@settings(deadline=None)
def test_accuracies_at_a_threshold(series, threshold):
    scores, outlier = series
    if outlier.all() or not outlier.any():
        return
    found = ood_metrics(scores, outlier, threshold=threshold)
    flagged = scores >= threshold
    assert found["accuracy"].value == pytest.approx(sk.accuracy_score(outlier, flagged))
    assert found["balanced_accuracy"].value == pytest.approx(
        sk.balanced_accuracy_score(outlier, flagged)
    )
    assert found["accuracy"].note == f"flagged when score >= {threshold} (given)"


def test_turning_everything_round_swaps_the_conventions():
    scores, outlier = sample()
    one, other = values(ood_metrics(scores, outlier)), values(ood_metrics(-scores, ~outlier))
    assert one["aupr_in"] == other["aupr_out"]
    assert one["fpr95_id_positive"] == other["fpr95_ood_positive"]
    assert one["auroc"] == other["auroc"]
    assert values(ood_metrics(-scores, outlier))["auroc"] == pytest.approx(1 - one["auroc"])


def test_ninety_five_percent_is_exact():
    # 19 of 20 outliers are 95 %: the 20th, below all others, is not needed.
    scores = np.concatenate([np.full(19, 3.0), [0.0], np.full(10, 1.0)])
    outlier = np.arange(30) < 20
    assert ood_metrics(scores, outlier)["fpr95_ood_positive"].value == 0
    # 18 of 19 are not.
    assert ood_metrics(scores[1:], outlier[1:])["fpr95_ood_positive"].value == 1


def test_perfect_separation():
    found = values(ood_metrics([0, 1, 2, 8, 9], [0, 0, 0, 1, 1], threshold=5))
    assert found.pop("fpr95_ood_positive") == found.pop("fpr95_id_positive") == 0
    assert set(found.values()) == {1.0}


@given(
    st.lists(st.integers(-20, 20), min_size=1, max_size=60), st.sampled_from([0.5, 0.9, 0.95, 1])
)
def test_accepting_accepts_the_share_and_no_more_than_needed(scores, share):
    threshold = accepting(scores, share)
    accepted = np.array(scores) < threshold.value
    assert accepted.mean() >= share - 1e-12
    # One distinct score less would be too few.
    fewer = np.array(scores) < np.array(scores)[accepted].max()
    assert fewer.mean() < share


def test_the_rule_of_the_threshold_is_stated():
    scores, outlier = sample()
    found = ood_metrics(scores, outlier, threshold=accepting(scores[~outlier]))
    assert found["accuracy"].note.endswith("(accepts 95% of training images)")
    own = ood_metrics(scores, outlier, threshold=Threshold(0.5, "half way"))
    assert own["balanced_accuracy"].note == "flagged when score >= 0.5 (half way)"


def test_without_a_threshold_only_the_accuracies_are_undefined():
    found = ood_metrics(*sample())
    for name in OOD_METRICS:
        if name in ("accuracy", "balanced_accuracy"):
            assert found[name].note == "undefined: no threshold is given"
        else:
            assert 0 <= found[name].value <= 1


@pytest.mark.parametrize(
    ("scores", "outlier", "reason"),
    [
        ([1, 2, 3, 4, 5], [1, 1, 1, 1, 1], "one class only: there are no in-distribution images"),
        ([1, 2, 3, 4, 5], [0, 0, 0, 0, 0], "one class only: there are no outliers"),
        ([1, 2, math.nan, math.inf, 5], [0, 1, 0, 1, 0], "2 of 5 predictions are NaN or infinite"),
        ([1, 2, 3], [0, 1, 0], "fewer than 5 points (3)"),
        ([], [], "fewer than 5 points (0)"),
    ],
)
def test_undefined_says_why(scores, outlier, reason):
    found = ood_metrics(scores, outlier, threshold=2)
    assert list(found) == list(OOD_METRICS)
    assert {estimate.note for estimate in found.values()} == {f"undefined: {reason}"}
    assert {estimate.value for estimate in found.values()} == {None}


def test_constant_scores_have_an_accuracy_and_no_curves():
    found = ood_metrics(np.ones(6), [0, 0, 0, 0, 1, 1], threshold=2)
    assert found["accuracy"].value == pytest.approx(4 / 6)
    assert found["balanced_accuracy"].value == 0.5
    assert found["auroc"].note == "undefined: predictions are constant"


def test_wrong_calls_are_refused():
    with pytest.raises(ValueError, match="two series of one length"):
        ood_metrics([1, 2, 3, 4, 5], [0, 1])
    with pytest.raises(ValueError, match=r"0 \(in distribution\) and 1 \(outlier\)"):
        ood_metrics([1, 2, 3, 4, 5], [-1, 1, 0, 0, 0])
    with pytest.raises(ValueError, match="at least one score"):
        accepting([])
