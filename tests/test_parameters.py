"""Parameters: text to typed values and back, and every wrong one refused by name."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchbench.errors import BenchbenchError, UsageError
from benchbench.identity import canonical
from benchbench.parameters import bind, build, coerce, identity, signature


class Plain:
    pass


class Full:
    def __init__(
        self, source: str, *, count: int = 3, rate: float = 0.5, on: bool = False,
        mode: Literal["fast", "slow"] = "fast", width: Literal[64, 128] = 64,
        weights: Path | None = None, layer: int | str = "all", with_: str = "", bare=7,  # type: ignore[no-untyped-def]
    ) -> None:
        self.given = {k: v for k, v in locals().items() if k != "self"}


class Open:
    def __init__(self, model: str, pretrained: bool = True, **model_args: Any) -> None:
        self.model, self.pretrained, self.model_args = model, pretrained, model_args


def _bind(**given: str) -> dict[str, Any]:
    return bind(Full, {"source": "s", **given}, "full")


def test_defaults_and_order_are_the_signature_s() -> None:
    assert list(signature(Full)) == ["source", "count", "rate", "on", "mode", "width", "weights",
                                     "layer", "with", "bare"]
    assert _bind() == {"source": "s", "count": 3, "rate": 0.5, "on": False, "mode": "fast",
                       "width": 64, "weights": None, "layer": "all", "with": "", "bare": 7}


@given(st.integers())
def test_whole_numbers_come_back(value: int) -> None:
    assert _bind(count=str(value))["count"] == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_come_back(value: float) -> None:
    assert _bind(rate=repr(value))["rate"] == value


@given(st.text(min_size=1))
def test_text_comes_back(value: str) -> None:
    assert _bind(source=value)["source"] == value


@given(st.text(max_size=8), st.sampled_from(["count", "rate", "on", "mode", "width", "weights"]))
def test_any_text_gives_a_value_that_has_an_identity_or_is_refused(text: str, name: str) -> None:
    try:
        values = _bind(**{name: text})
    except UsageError as error:
        assert f"full: parameter {name}" in str(error)
    else:
        canonical(identity(values))


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("count", "1.5", "a whole number"),
        ("count", "none", "a whole number"),
        ("rate", "half", "a number"),
        ("rate", "nan", "a number"),
        ("rate", "inf", "a number"),
        ("rate", "1e999", "a number"),
        ("on", "1", "true or false"),
        ("mode", "quick", "one of fast, slow"),
        ("width", "65", "one of 64, 128"),
        ("weights", "/nowhere/w.pth", "a file that exists or none"),
        ("bare", "x", "a whole number"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(name: str, text: str, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        _bind(**{name: text})
    assert str(caught.value) == f"full: parameter {name}: got {text!r}, expected {expected}"


def test_values_take_the_first_type_that_fits() -> None:
    assert _bind(layer="4")["layer"] == 4
    assert _bind(layer="conv")["layer"] == "conv"
    assert _bind(width="128")["width"] == 128
    assert _bind(on="TRUE")["on"] is True
    assert coerce("None", Path | None, None, "x") is None


def test_a_file_is_made_absolute_and_identified_by_its_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.bin").write_bytes(b"one")
    (tmp_path / "b.bin").write_bytes(b"one")
    monkeypatch.chdir(tmp_path)
    first, second = _bind(weights="a.bin"), _bind(weights=str(tmp_path / "b.bin"))
    assert first["weights"] == tmp_path / "a.bin"
    assert identity(first) == identity(second)
    (tmp_path / "b.bin").write_bytes(b"two")
    assert identity(first) != identity(second)


def test_an_unknown_parameter_names_the_valid_ones_and_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"unknown parameter 'cuont'; did you mean 'count'\? "
                       r"\(its parameters: source, count, .*\)"):
        _bind(cuont="1")
    with pytest.raises(UsageError, match="its parameters: none"):
        bind(Plain, {"x": "1"}, "plain")


def test_a_missing_parameter_says_how_to_give_it() -> None:
    with pytest.raises(UsageError, match=r"'source' is required; write full\[source=…\]"):
        bind(Full, {}, "full")


def test_a_name_s_own_parameter_is_hidden_and_others_pass_through() -> None:
    found = bind(Open, {"pad_type": "same", "drop": "0.25", "n": "3", "act": "none", "size": "9"},
                 "timm/x", also=("size",), hidden="model")
    assert found == {"pretrained": True, "pad_type": "same", "drop": 0.25, "n": 3, "act": None}
    made = build(Open, {**found, "model": "x"})
    assert (made.model, made.model_args["pad_type"]) == ("x", "same")
    assert bind(Open, {"rate": "nan"}, "timm/x", hidden="model")["rate"] == "nan"


def test_a_keyword_as_a_parameter_s_name() -> None:
    assert build(Full, _bind(**{"with": "blur"})).given["with_"] == "blur"


def test_what_a_constructor_raises_names_the_component() -> None:
    class Sore:
        def __init__(self, depth: int = 0) -> None:
            if depth > 8:
                raise UsageError("sore[depth=9]: expected at most 8")
            self.rate = 1 / depth

    with pytest.raises(BenchbenchError, match=r"Sore cannot be made of \{'depth': 0\}: ZeroDiv"):
        build(Sore, bind(Sore, {}, "sore"))
    with pytest.raises(UsageError, match=r"^sore.depth=9.: expected at most 8$"):
        build(Sore, bind(Sore, {"depth": "9"}, "sore"))


def test_numbers_that_no_identity_can_hold_are_refused() -> None:
    for text in ("nan", "-inf", "Infinity"):
        with pytest.raises(UsageError):
            coerce(text, float, 0.0, "x")
        assert not math.isfinite(float(text))
