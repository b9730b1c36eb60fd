"""Dataset cards: a TOML file that says where images and scores lie and what the scores mean.

Only what no pattern can express (MATLAB tables, Excel sheets, stacks of arrays) has an adapter: a
module that the card names.
"""

from __future__ import annotations

from benchbench.cards.dataset import CardDataset
from benchbench.cards.schema import Card, read_card

__all__ = ["Card", "CardDataset", "read_card"]
