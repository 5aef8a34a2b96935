"""Damage to messages: to the bytes of any, and to a place or two of a tree."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from random import Random
from typing import Any

from tests.unit.fhir.parse.mutations import NAMES, ODD_NUMBERS, ODD_SHAPES, ODD_TEXTS, places_of

TOKENS = (
    *(b"NaN", b"Infinity", b"1e400", b"null", b"true", b"[", b"]", b"{", b"}", b'"', b",", b":", b"\n", b"\r", b"\\"),
    *(b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\\ud800", b"\\u0000", b"-", b".", b"e9", b"0", b" "),
    *(b'"resourceType"', b"entered-in-error", b"Bundle", b"9999-12-31T23:59:59-12:00", b"0001-01-01T00:00:00+14:00"),
)


def damaged_bytes(random: Random, content: bytes, corpus: Sequence[bytes]) -> bytes:
    """Return the content with a few cuts, flips, repeats and insertions, perhaps grafted on another one."""
    text = bytearray(content)
    for _ in range(random.randint(1, 4)):
        at = random.randint(0, len(text))
        length = random.choice((0, 1, 1, 2, 8, 64))
        what = random.choice(("flip", "cut", "token", "repeat", "graft"))
        if what == "flip" and at < len(text):
            text[at] ^= 1 << random.randint(0, 7)
        elif what == "cut":
            del text[at : at + length]
        elif what == "repeat":
            text[at:at] = text[at : at + length] * random.choice((1, 2, 50))
        elif what == "graft":
            other = random.choice(corpus)
            text[at:] = other[random.randint(0, len(other)) :]
        else:
            text[at : at + length] = random.choice(TOKENS)
    return bytes(text)


def damaged_tree(random: Random, tree: Any) -> Any:
    """Return a copy in which one to three places are replaced, removed or added."""
    tree = copy.deepcopy(tree)
    for _ in range(random.randint(1, 3)):
        places = places_of(tree)
        if not places:
            return tree
        place = random.choice(places)
        known = list(place) if isinstance(place, dict) else list(range(len(place)))
        odd = copy.deepcopy(
            random.choice((random.choice(ODD_TEXTS), random.choice(ODD_NUMBERS), random.choice(ODD_SHAPES)))
        )
        what = random.choice(("replace", "remove", "add"))
        if what == "remove" and known:
            del place[random.choice(known)]
        elif what == "replace" and known:
            place[random.choice(known)] = odd
        elif isinstance(place, dict):
            place[random.choice(NAMES)] = odd
        else:
            place.append(odd)
    return tree
