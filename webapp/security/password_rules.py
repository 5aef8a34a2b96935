"""What a new password must be like: long, and with enough of its own.

With 15 characters at least hardly any password of the well-known lists is long enough; what people do instead is to
write such a word twice, to add a row of keys, or to count on. So everything of that kind is taken away, and enough must
be left. There are no rules on kinds of characters, and a password never ends.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Final

MIN_LENGTH: Final = 15
MAX_LENGTH: Final = 128
MIN_DISTINCT: Final = 5
MIN_OWN_PART: Final = 8  # characters that must be left when known words and patterns are taken away
SHORTEST_WALK: Final = 4
SHORTEST_NAME: Final = 3

WORDS_FILE: Final = Path(__file__).with_name("known_words.txt")
WALKS: Final = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "azertyuiop",
    "qwertyuiop",
    "qwertzuiop",
    "qsdfghjklm",
    "asdfghjkl",
    "wxcvbn",
    "zxcvbnm",
    "yxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "1aqw2zsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "1q2w3e4r5t6y7u8i9o0p",
    "1a2z3e4r5t6y7u8i9o0p",
    "qazwsxedcrfvtgbyhnujm",
    "aqwzsxedcrfvtgbyhnujm",
    "a1b2c3d4e5f6g7h8i9j0",
)
BOTH_WAYS: Final = tuple(walk for one in WALKS for walk in (one, one[::-1]))
LEET: Final = str.maketrans("01345789@$!|", "oieastbgasii")
REPETITION: Final = re.compile(r"(.+?)\1+")


def _read_words() -> tuple[str, ...]:
    lines = WORDS_FILE.read_text(encoding="utf-8").splitlines()
    words = {word for line in lines if not line.startswith("#") for word in line.split()}
    return tuple(sorted(words, key=lambda word: (-len(word), word)))


KNOWN_WORDS: Final = _read_words()  # the longest first


def find_fault(password: str, user_name: str) -> str | None:
    """Why a new password is refused: ``too_short too_long too_plain known_words pattern``; None when it is taken."""
    text = unicodedata.normalize("NFC", password)
    if len(text) < MIN_LENGTH:
        return "too_short"
    if len(text) > MAX_LENGTH:
        return "too_long"
    if len(set(text.casefold())) < MIN_DISTINCT:
        return "too_plain"
    names = [part for part in re.split(r"[._-]", plain(user_name)) if len(part) >= SHORTEST_NAME]
    rests = [_without_words(letters(form), names) for form in (plain(text), plain(text).translate(LEET))]
    if any(len(rest) < MIN_OWN_PART for rest in rests):
        return "known_words"
    return "pattern" if any(len(without_patterns(rest)) < MIN_OWN_PART for rest in rests) else None


def plain(text: str) -> str:
    """A text without capitals and accents."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in apart if not unicodedata.combining(character))


def letters(text: str) -> str:
    """A text's letters and digits."""
    return "".join(character for character in text if character.isalnum())


def _without_words(text: str, names: Iterable[str]) -> str:
    for word in (*sorted(names, key=len, reverse=True), *KNOWN_WORDS):
        text = text.replace(word, "")
    return text


def without_patterns(text: str) -> str:
    """A text without alphabets, rows and columns of keys, and with repetitions told once."""
    rest, place = "", 0
    while place < len(text):
        length = max(_walk_length(text[place:], walk) for walk in BOTH_WAYS)
        rest += text[place] if length < SHORTEST_WALK else ""
        place += 1 if length < SHORTEST_WALK else length
    return REPETITION.sub(r"\1", rest)


def _walk_length(text: str, walk: str) -> int:
    """How many characters at the beginning of a text follow each other in a walk."""
    start, length = walk.find(text[:SHORTEST_WALK]), 0
    while start >= 0 and text[length : length + 1] == walk[start + length : start + length + 1] != "":
        length += 1
    return length
