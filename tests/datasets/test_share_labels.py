"""Which datasets' labels may be passed on."""

from __future__ import annotations

from pathlib import Path

from benchbench import dataset
from benchbench.cards import CardDataset
from benchbench.cards.schema import read_card
from benchbench.catalogue import first_party_cards


def test_labels_are_passed_on_only_where_that_is_allowed(tmp_path: Path) -> None:
    scored = {name for name, path in first_party_cards().items() if name != "folder"
              and read_card(path)[0].score is not None}
    for name in sorted(set(first_party_cards()) - {"folder"}):
        assert dataset(name).share_labels is (name not in scored), name
    assert not dataset("parts[source=live]").share_labels
    assert not dataset("cross[fit=gtsrb,test=csiq]").share_labels
    assert not dataset("distorted[source=csiq,with=jpeg]").share_labels
    assert dataset("gtsrb-challenges").share_labels and dataset("demo").share_labels
    own = '[table]\nfile = "a.csv"\ncolumns = {{ image = "a"{} }}\n{}'
    score = '[score]\nkind = "mos"\nhigher_is_better = true\n'
    path = tmp_path / "own.toml"
    for said, with_score, expected in (("", True, False), ("", False, True),
                                       ("share_labels = true\n", True, True),
                                       ("share_labels = false\n", False, False)):
        path.write_text('name = "own"\n' + said + own.format(
            ', score = "b"' if with_score else "", score if with_score else ""))
        assert CardDataset(path).share_labels is expected
