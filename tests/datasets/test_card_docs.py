"""``docs/datasets.md`` says what cards may say, and its cards are valid."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from benchbench.cards.schema import Card, Columns, LevelsCard, ScoreCard, TableCard, read_card
from benchbench.catalogue import first_party_cards

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "datasets.md").read_text("utf-8")
BLOCKS = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.startswith("name")])
def test_the_cards_in_the_page_are_valid(tmp_path: Path, block: str) -> None:
    (tmp_path / "card.toml").write_text(block)
    assert read_card(tmp_path / "card.toml")[0].name == tomllib.loads(block)["name"]


def test_every_key_is_in_the_page() -> None:
    keys = {name for name in Card.model_fields if name not in ("table", "score", "levels")}
    keys |= {f"table.{name}" for name in TableCard.model_fields}
    keys |= {f"score.{name}" for name in ScoreCard.model_fields}
    keys |= {f"levels.{field.alias or name}" for name, field in LevelsCard.model_fields.items()}
    keys |= set(Columns.model_fields) | {"parameters", "when"}
    keys = {"table.values.<column>" if k == "table.values" else
            "table.terms.<name>" if k == "table.terms" else
            "table.adapter" if k == "table.options" else k for k in keys}
    assert [key for key in sorted(keys) if f"`{key}`" not in TEXT] == []


def test_every_card_is_in_the_page_with_its_count() -> None:
    for name, path in first_party_cards().items():
        row = next(line for line in TEXT.splitlines() if line.startswith(f"| `{name}`"))
        given = {"path": str(path.parent)} if name == "folder" else {}
        card, _ = read_card(path, given)
        assert card.n_official is None or f"| {card.n_official:,} |" in row
