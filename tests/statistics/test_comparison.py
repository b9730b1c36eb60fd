import itertools
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbench.errors import DataError
from benchbench.statistics.bootstrap import draw_counts, resample_correlations
from benchbench.statistics.comparison import compare, compare_resamples, noise_floor
from benchbench.statistics.letters import compact_letters


def labels(letters):
    return set(re.findall(r"[A-Za-z]\d*", letters))


@settings(deadline=None)
@given(st.integers(1, 12), st.data())
def test_two_names_share_a_letter_exactly_where_they_do_not_differ(n, data):
    names = [f"m{k}" for k in range(n)]
    pairs = list(itertools.combinations(names, 2))
    different = {pair for pair in pairs if data.draw(st.booleans())}
    turned = {pair[::-1] if data.draw(st.booleans()) else pair for pair in different}
    letters = compact_letters(names, turned)
    assert list(letters) == names
    assert all(labels(letters[name]) for name in names)
    assert "a" in labels(letters["m0"])
    for one, other in pairs:
        shared = labels(letters[one]) & labels(letters[other])
        assert bool(shared) == ((one, other) not in different)


def test_letters_of_an_ordered_family():
    order = ["w", "x", "y", "z"]
    assert compact_letters(order, {("w", "y"), ("w", "z"), ("x", "z")}) == {
        "w": "a", "x": "ab", "y": "bc", "z": "c",
    }  # fmt: skip
    assert compact_letters(order, set()) == dict.fromkeys(order, "a")


def test_more_names_than_letters():
    order = [f"m{k}" for k in range(60)]
    letters = compact_letters(order, set(itertools.combinations(order, 2)))
    assert letters["m0"] == "a" and letters["m51"] == "Z" and letters["m52"] == "a1"
    assert len(set(letters.values())) == 60


def romano_wolf(values, points, n_groups, seed):
    """The step-down as it is written: one maximum for every step, over the pairs still in it."""
    pairs = list(itertools.combinations(range(len(points)), 2))
    drawn = np.array([values[i] - values[j] for i, j in pairs])
    deviation = drawn.std(axis=1)
    centred = np.abs(drawn - drawn.mean(axis=1, keepdims=True)) / deviation[:, None]
    chi2 = np.random.default_rng(seed).chisquare(n_groups - 1, size=values.shape[1])
    centred *= np.sqrt(n_groups / (n_groups - 1)) / np.sqrt(chi2 / (n_groups - 1))
    observed = np.array([abs(points[i] - points[j]) for i, j in pairs]) / deviation
    found, last = {}, 0.0
    remaining = sorted(range(len(pairs)), key=lambda k: -observed[k])
    while remaining:
        k = remaining[0]
        highest = centred[remaining].max(axis=0)
        last = max(last, (1 + np.sum(highest >= observed[k])) / (1 + values.shape[1]))
        found[pairs[k]] = last
        remaining.pop(0)
    return found


def family(n_groups=24, each=10, n_methods=6, seed=0):
    random = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_groups), each)
    y = random.normal(size=len(groups)) + random.normal(size=n_groups)[groups]
    methods = {f"m{k}": y + (0.5 + 0.3 * k) * random.normal(size=len(y)) for k in range(n_methods)}
    return methods, y, groups


def test_the_family_is_that_of_the_step_down_as_written():
    methods, y, groups = family()
    found = compare(methods, y, groups, n_resamples=400, seed=2)
    counts = np.vstack([np.ones((1, 24)), draw_counts(24, 400, seed=2)])
    all_values = np.array(
        [resample_correlations(methods[m], y, groups, counts)["srocc"] for m in found.order]
    )
    assert list(found.points.values()) == sorted(found.points.values(), reverse=True)
    np.testing.assert_allclose(list(found.points.values()), all_values[:, 0])
    expected = romano_wolf(all_values[:, 1:], all_values[:, 0], 24, seed=2)
    for (i, j), p in expected.items():
        assert found.p_value(found.order[j], found.order[i]) == pytest.approx(p)
    different = {pair for pair, p in found.p_adjusted.items() if p < 0.05}
    assert 0 < len(different) < len(found.p_adjusted)
    assert found.letters == compact_letters(found.order, different)
    for name in found.order:
        better = sum(loser == name for _, loser in different)
        worse = sum(winner == name for winner, _ in different)
        assert found.rank_interval[name] == (1 + better, 6 - worse)


@pytest.mark.parametrize("metric", ["krocc", "plcc_linear", "rmse_linear", "plcc", "rmse"])
def test_other_metrics_order_the_methods_in_their_own_direction(metric):
    methods, y, groups = family(each=40)
    fits = {name: (lambda values: values) for name in methods}
    found = compare(
        methods, y, groups, metric=metric, n_resamples=200,
        fits=fits if metric in ("plcc", "rmse") else None,
    )  # fmt: skip
    assert found.order[0] == "m0" and found.order[-1] == "m5"
    assert found.p_value("m0", "m5") < 0.05
    assert found.rank_interval["m0"][0] == 1 and found.rank_interval["m5"][1] == 6


def test_equal_methods_are_not_told_apart():
    methods, y, groups = family(n_methods=2)
    methods["again"] = methods["m0"].copy()
    methods["monotone"] = np.exp(methods["m0"])
    found = compare(methods, y, groups, n_resamples=200)
    for one, other in itertools.combinations(["m0", "again", "monotone"], 2):
        assert found.p_value(one, other) == 1.0
        assert labels(found.letters[one]) & labels(found.letters[other])


def test_a_family_of_equally_good_methods_is_rarely_divided():
    random = np.random.default_rng(1)
    divided = 0
    for _ in range(60):
        values = random.normal(size=(8, 1)) + random.normal(size=(8, 500))
        points = dict(zip("abcdefgh", random.normal(size=8), strict=True))
        named = dict(zip("abcdefgh", values, strict=True))
        divided += len(set(compare_resamples(named, points, n_groups=50).letters.values())) > 1
    # Five in a hundred are expected; more than ten of 60 has a chance below one in a thousand.
    assert divided <= 10


def test_few_groups_give_no_letters():
    methods, y, groups = family(n_groups=19)
    found = compare(methods, y, groups, n_resamples=100)
    assert not found.letters and not found.rank_interval and not found.reliable
    assert found.note == "unreliable: fewer than 20 groups (19); no letters"
    assert len(found.p_adjusted) == 15
    methods, y, groups = family(n_groups=5)
    found = compare(methods, y, groups, n_resamples=100)
    assert found.note == "undefined: fewer than 6 groups (5)"
    assert not found.p_adjusted and found.order


def test_methods_without_a_value_are_named_and_take_no_part():
    methods, y, groups = family(n_methods=3)
    plain = compare(methods, y, groups, n_resamples=100)
    methods["flat"] = np.ones(len(y))
    methods["broken"] = np.where(y > 0, y, np.nan)
    found = compare(methods, y, groups, n_resamples=100)
    assert found.undefined["flat"] == "undefined: predictions are constant"
    assert found.undefined["broken"].endswith("predictions are NaN or infinite")
    assert found.p_adjusted == plain.p_adjusted and found.letters == plain.letters
    nothing = compare({"flat": methods["flat"]}, y, groups)
    assert nothing.order == () and "flat" in nothing.undefined
    single = compare({"m0": methods["m0"]}, y, groups, n_resamples=50)
    assert single.letters == {"m0": "a"} and single.rank_interval == {"m0": (1, 1)}
    unmapped = compare(methods, y, groups, metric="plcc", fits={"m0": np.tanh}, n_resamples=50)
    assert unmapped.undefined["m1"] == "undefined: no mapping"
    missing = compare_resamples(
        {"a": np.ones(9), "b": np.ones(9)}, {"a": 0.5, "b": np.nan}, n_groups=25
    )
    assert missing.undefined == {"b": "undefined: no value"} and missing.order == ("a",)


def test_bad_calls_are_said():
    methods, y, groups = family(n_methods=2)
    for call, message in [
        (lambda: compare(methods, y, groups, metric="plcc"), "metric 'plcc'"),
        (lambda: compare({}, y, groups), "0 methods"),
        (lambda: compare({"m": y[1:]}, y, groups), "'m' has shape"),
        (lambda: compare_resamples({"a": [1]}, {"b": 1.0}, n_groups=25), "same names"),
        (lambda: compare_resamples({}, {}, n_groups=25, alpha=1.0), "alpha"),
    ]:
        with pytest.raises(DataError, match=message):
            call()


def test_noise_floor():
    found = noise_floor([0.80, 0.84, 0.83, 0.85])
    assert found.value == pytest.approx(np.std([0.80, 0.84, 0.83, 0.85], ddof=1))
    assert found.note == "standard deviation over 4 repeats; half range 0.025"
    assert noise_floor([0.8, 0.8]).value == 0.0
    assert noise_floor([0.8]).note == "undefined: a noise floor needs two or more repeats, got 1"
    assert noise_floor([0.8, np.nan, 0.7]).note == "undefined: 1 of 3 repeats have no value"
