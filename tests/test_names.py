"""The grammar of names: what is written comes back, and what is wrong is said."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbench.errors import UsageError
from benchbench.names import Selector, items, parse, parse_features, parse_list, split

WORDS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,8}", fullmatch=True)
KEYS = st.from_regex(r"[a-z_][a-z0-9_]{0,6}", fullmatch=True)
PLAIN_VALUES = st.from_regex(r"[A-Za-z0-9_./:*=-]{1,8}", fullmatch=True)


def _with_params(values: st.SearchStrategy[str]) -> st.SearchStrategy[Selector]:
    return st.builds(Selector, WORDS, st.dictionaries(KEYS, values, max_size=3))


NESTED = st.recursive(PLAIN_VALUES, lambda v: _with_params(v).map(str), max_leaves=4)
SELECTORS = _with_params(NESTED)


@given(SELECTORS)
def test_a_written_selector_is_read_back(selector: Selector) -> None:
    assert parse(str(selector)) == selector


@settings(max_examples=50)
@given(st.lists(SELECTORS, min_size=1, max_size=3))
def test_a_list_is_read_back_without_its_doubles(selectors: list[Selector]) -> None:
    found = parse_list(",".join(map(str, selectors)))
    assert [str(s) for s in found] == list(dict.fromkeys(map(str, selectors)))


@settings(max_examples=50)
@given(st.lists(st.lists(SELECTORS, min_size=1, max_size=2), min_size=1, max_size=2))
def test_joined_features_are_read_back(features: list[list[Selector]]) -> None:
    found = parse_features(",".join("+".join(map(str, feature)) for feature in features))
    joined = ["+".join(map(str, feature)) for feature in features]
    assert ["+".join(map(str, feature)) for feature in found] == list(dict.fromkeys(joined))


@given(st.text(alphabet="ab[],+= \n\"'", max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing but a ``UsageError`` comes out, and what is read is stable under a second reading."""
    for read in (parse, parse_list, parse_features):
        try:
            found = read(text)
        except UsageError:
            continue
        if isinstance(found, Selector):
            assert parse(str(found)) == found


@given(st.lists(st.text(alphabet="ab", max_size=3), min_size=1, max_size=5))
def test_split_and_join_are_inverse(parts: list[str]) -> None:
    assert split(",".join(parts), ",") == parts


def test_the_canonical_form_sorts_parameters() -> None:
    assert str(parse("grad[ reduce = filter , layer=layer4.1.conv2 ]")) == (
        "grad[layer=layer4.1.conv2,reduce=filter]"
    )


def test_brackets_nest_and_shield_commas_and_plus() -> None:
    assert parse("distorted[source=photographs[set=natural,n=3],with=a+b]") == Selector(
        "distorted", {"source": "photographs[set=natural,n=3]", "with": "a+b"}
    )
    assert [len(f) for f in parse_features("a[x=p+q]+b,c")] == [2, 1]
    assert items("a[x=1,y=2], b") == ["a[x=1,y=2]", "b"]


def test_an_equals_sign_may_stand_in_a_value() -> None:
    assert parse("a[x=y=z]").params == {"x": "y=z"}


def test_paths_are_names() -> None:
    for text in ("/data/my set/card.toml", "../card.toml", "~/card.toml", "C:\\data\\card.toml",
                 "timm/mobilenetv2_100.ra_in1k"):
        assert parse(text) == Selector(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected name"),
        ("[a=1]", "expected name"),
        ("a[x=1", r"'\[' is not closed; write name\[key=value,…\]"),
        ("a[x=1]]", "do not match"),
        ("a]", "expected name"),
        ("a[x=1]b", "after the closing"),
        ("a[x=1]b[y=2]", "do not match"),
        ("a[]", "not key=value"),
        ("a[x]", "'x' is not key=value"),
        ("a[x=]", "not key=value"),
        ("a[x= ]", "not key=value"),
        ("a[=1]", "not key=value"),
        ("a[x=1,]", "not key=value"),
        ("a[1x=1]", "not key=value"),
        ("a[x y=1]", "not key=value"),
        ("a[x[z]=1]", "not key=value"),
        ("a[x=1,x=2]", "'x' is given twice"),
        ("a[x=1, x =2]", "'x' is given twice"),
        ("a,b", "expected name"),
    ],
)
def test_a_wrong_selector_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        parse(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("text", ["", ",", "a,,b", "a,", " , a"])
def test_an_empty_item_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="an item is empty"):
        parse_list(text)


@pytest.mark.parametrize("text", ["a+", "+a", "a++b"])
def test_an_empty_part_of_a_joined_feature_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected name"):
        parse_features(text)
