"""What a new password must be like, and what people think of instead."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from webapp.security.password_rules import (
    BOTH_WAYS,
    KNOWN_WORDS,
    LEET,
    MAX_LENGTH,
    MIN_LENGTH,
    MIN_OWN_PART,
    find_fault,
)
from webapp.security.passwords import one_time_secret

SENTENCE = "quatre lampes bleues dorment"
LEET_BACK = {letter: sign for sign, letter in LEET.items()}
SEPARATORS = st.sampled_from(["", " ", "-", ".", "_"])
ORDINARY = ("lampe", "dort", "bleu", "quai", "vent", "grue", "mousse", "cadre", "rive", "tuile")
TAILS = st.text("bhjkrvw579", max_size=MIN_OWN_PART - 1)


def refused(password: str, user_name: str = "anne.martin") -> bool:
    assume(MIN_LENGTH <= len(password) <= MAX_LENGTH)
    return find_fault(password, user_name) in ("too_plain", "known_words", "pattern")


@pytest.mark.parametrize(
    ("password", "fault"),
    [
        ("quatorze caract", None),
        ("quatorze carac", "too_short"),
        ("é" * 14, "too_short"),
        (SENTENCE * 5, "too_long"),
        ("ab" * 10, "too_plain"),
        ("tension-tension-tension", "known_words"),
        ("MotDePasse123456", "known_words"),
        ("P@ssw0rd!P@ssw0rd!", "known_words"),
        ("Hôpital-Été-2026!", "known_words"),
        ("anne.martin 12345678", "known_words"),
        ("azertyuiopqsdfghjklm", "pattern"),
        ("1qaz2wsx3edc4rfv", "pattern"),
        ("zyxwvutsrqponml", "pattern"),
        ("kvbhe7 kvbhe7 kvbhe7", "pattern"),
        ("anne marche vers la mer", None),
        ("correct horse battery staple", None),
        ("Ma tension monte quand je relis ce courrier", None),
    ],
)
def test_a_new_password_is_judged_by_length_and_what_is_its_own(password: str, fault: str | None) -> None:
    assert find_fault(password, "anne.martin") == fault


def test_a_password_may_have_128_characters() -> None:
    longest = (SENTENCE + " et le veilleur compte ses moutons pendant que la pluie tombe sur le quai")[:128]
    longest += "x9q vm w3 " * 10
    assert find_fault(longest[:MAX_LENGTH], "anne") is None


@given(st.lists(st.sampled_from(KNOWN_WORDS), min_size=1, max_size=6), SEPARATORS, TAILS)
def test_known_words_in_a_row_with_a_short_end_are_refused(words: list[str], separator: str, tail: str) -> None:
    assert refused(separator.join([*words, tail]))


@given(st.sampled_from(KNOWN_WORDS), st.integers(2, 20), st.booleans())
def test_a_known_word_written_again_or_with_digits_for_letters_is_refused(word: str, times: int, leet: bool) -> None:
    assert refused((word.translate(LEET_BACK) if leet else word).capitalize() * times)


@given(st.sampled_from(BOTH_WAYS), st.integers(0, 30), st.integers(1, 4))
def test_rows_of_keys_and_alphabets_are_refused_both_ways(walk: str, start: int, times: int) -> None:
    assert refused(walk[start % (len(walk) - 4) :] * times)


@given(st.text(min_size=1, max_size=MIN_OWN_PART - 1), st.integers(2, 40))
def test_what_repeats_itself_is_refused(unit: str, times: int) -> None:
    assert refused(unit * times)


@given(st.from_regex(r"[a-z]{3,8}\.[a-z]{3,8}", fullmatch=True), SEPARATORS, TAILS)
def test_the_own_name_is_refused(name: str, separator: str, tail: str) -> None:
    first, last = name.split(".")
    assert refused(separator.join([first, last, last, first, tail]), user_name=name)


@given(st.text(max_size=200), st.text(max_size=64))
def test_any_text_is_judged(password: str, user_name: str) -> None:
    assert find_fault(password, user_name) in (None, "too_short", "too_long", "too_plain", "known_words", "pattern")


@given(st.lists(st.sampled_from(ORDINARY), min_size=4, unique=True))
def test_a_few_ordinary_words_are_taken(words: list[str]) -> None:
    assume(MIN_LENGTH <= len(" ".join(words)) <= MAX_LENGTH)
    assert find_fault(" ".join(words), "anne.martin") is None


def test_what_the_site_makes_itself_is_taken() -> None:
    made = {one_time_secret() for _ in range(200)}
    assert len(made) == 200
    assert [secret for secret in made if find_fault(secret, "anne")] == []


def test_the_list_holds_words_as_they_are_compared() -> None:
    assert all(len(word) >= 4 and word.isalnum() and word.isascii() and word == word.lower() for word in KNOWN_WORDS)
    assert len(KNOWN_WORDS) > 250
