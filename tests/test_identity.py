"""Digests: the same for the same data in any order, different for any difference."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchbench.identity import (
    canonical,
    code_digest,
    digest,
    file_digest,
    library_versions,
    version,
)

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(PLAIN)
def test_canonical_text_is_json_of_the_same_data(data: object) -> None:
    assert json.loads(canonical(data)) == data


@given(st.dictionaries(st.text(), PLAIN, min_size=2, max_size=5))
def test_the_order_of_keys_does_not_matter(data: dict[str, object]) -> None:
    turned = dict(reversed(list(data.items())))
    assert digest(turned) == digest(data)


@given(PLAIN, PLAIN)
def test_other_data_have_another_digest(a: object, b: object) -> None:
    assert (digest(a) == digest(b)) == (canonical(a) == canonical(b))


def test_the_digest_is_sha256_of_the_canonical_text() -> None:
    assert canonical({"b": [1, 2.5], "a": "é"}) == '{"a":"é","b":[1,2.5]}'
    assert digest({"a": 1}) == hashlib.sha256(b'{"a":1}').hexdigest()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, Path("x")])
def test_what_is_not_plain_data_has_no_digest(value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        digest({"x": value})


def test_a_file_s_digest_is_of_its_bytes(tmp_path: Path) -> None:
    data = bytes(range(256)) * 5000
    (tmp_path / "f").write_bytes(data)
    assert file_digest(tmp_path / "f") == hashlib.sha256(data).hexdigest()


def test_the_code_of_a_folder_is_that_of_all_its_python_files(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.py").write_text("x = 1\n")
    (tmp_path / "sub" / "b.py").write_text("y = 1\n")

    def now() -> str:
        code_digest.cache_clear()
        return code_digest(tmp_path)

    first = now()
    (tmp_path / "notes.txt").write_text("no code")
    assert now() == first
    (tmp_path / "sub" / "b.py").write_text("y = 2\n")
    second = now()
    (tmp_path / "sub" / "b.py").rename(tmp_path / "sub" / "c.py")
    third = now()
    assert len({first, second, third}) == 3
    code_digest.cache_clear()


def test_versions() -> None:
    import torch

    found = library_versions()
    assert list(found) == ["torch", "torchvision", "timm", "pillow"]
    assert torch.__version__.startswith(found["torch"].split("+")[0])
    assert version("no-such-distribution-anywhere") == "absent"
