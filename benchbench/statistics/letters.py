"""Compact letter display: methods that cannot be told apart share a letter."""

from __future__ import annotations

import itertools
import string
from collections import Counter
from collections.abc import Collection, Sequence


def compact_letters(order: Sequence[str], different: Collection[tuple[str, str]]) -> dict[str, str]:
    """Letters of each name: two names share one exactly where they are not in `different`.

    A letter is a set of names no two of which differ, as large as it can be. Letters cover all
    pairs that do not differ, greedily from the first name of `order` on; the first name holds "a".
    After z come A to Z, then a1 to Z1 and so on. Pairs in `different` may stand in either order.
    """
    apart = {name: set[str]() for name in order}
    for one, other in different:
        apart[one].add(other)
        apart[other].add(one)
    place = {name: number for number, name in enumerate(order)}
    sets = _cover(order, apart, place)
    sets.sort(key=lambda members: min(place[name] for name in members))
    found = dict.fromkeys(order, "")
    for label, members in zip(_labels(), sets):  # noqa: B905 - the labels never end
        for name in members:
            found[name] += label
    return found


def _cover(
    order: Sequence[str], apart: dict[str, set[str]], place: dict[str, int]
) -> list[set[str]]:
    open_pairs = {
        (one, other) for one, other in itertools.combinations(order, 2) if other not in apart[one]
    }
    sets: list[set[str]] = []
    for one, other in itertools.combinations(order, 2):
        if (one, other) not in open_pairs:
            continue
        members = {one, other}
        # Neighbours first: what cannot be told apart mostly stands close together.
        for name in sorted(order, key=lambda name: abs(place[name] - place[other])):
            if name not in members and not apart[name] & members:
                members.add(name)
        sets.append(members)
        open_pairs -= set(itertools.combinations(sorted(members, key=place.__getitem__), 2))
    covered = set[str]().union(*sets)
    sets.extend({name} for name in order if name not in covered)
    return _without_needless(sets, place)


def _without_needless(sets: list[set[str]], place: dict[str, int]) -> list[set[str]]:
    """Drops each set whose pairs the other sets cover as well."""
    pairs = [
        set(itertools.combinations(sorted(members, key=place.__getitem__), 2)) for members in sets
    ]
    covered = Counter(itertools.chain.from_iterable(pairs))
    kept = []
    for members, own in zip(sets, pairs, strict=True):
        if own and all(covered[pair] > 1 for pair in own):
            covered.subtract(own)
        else:
            kept.append(members)
    return kept


def _labels() -> itertools.chain[str]:
    letters = string.ascii_lowercase + string.ascii_uppercase
    more = (f"{letter}{round_}" for round_ in itertools.count(1) for letter in letters)
    return itertools.chain(letters, more)
