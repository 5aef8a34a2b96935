"""What a new password must be like, and hashing that never fails on what people type."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.security.passwords import MAX_BYTES, SITE_WORDS, Passwords, find_fault, fits, one_time_secret

PASSWORDS = Passwords(cost=4)
SENTENCE = "quatre lampes bleues dorment"


@pytest.mark.parametrize(
    ("password", "fault"),
    [
        ("quatorze caract", None),
        ("quatorze carac", "too_short"),
        ("é" * 14, "too_short"),
        (SENTENCE * 3, "too_long"),
        ("ab" * 10, "guessable"),
        ("tension-tension-tension", "guessable"),
        ("MotDePasse123456", "guessable"),
        ("P@ssw0rd!P@ssw0rd!", "guessable"),
        ("Hypertension-2026", "guessable"),
        ("anne.martin 12345678", "guessable"),
        ("martin martin martin", "guessable"),
        ("azertyuiopqsdfghjklm", "guessable"),
        ("1qaz2wsx3edc4rfv", "guessable"),
        ("zyxwvutsrqponml", "guessable"),
        ("anne marche vers la mer", None),
        ("correct horse battery staple", None),
        ("Ma tension monte quand je relis ce courrier", None),
    ],
)
def test_a_new_password_is_judged_by_length_and_by_how_soon_it_is_guessed(password: str, fault: str | None) -> None:
    assert find_fault(password, "anne.martin") == fault


def test_the_name_counts_as_known_for_its_owner_alone() -> None:
    assert find_fault("zorvatil-quemberg", "quemberg.zorvatil") == "guessable"
    assert find_fault("zorvatil-quemberg", "anne.martin") is None


@pytest.mark.parametrize("word", SITE_WORDS)
def test_a_word_of_the_site_said_again_is_refused(word: str) -> None:
    assert find_fault((word * 15)[: max(15, 2 * len(word))], "anne") == "guessable"


@pytest.mark.parametrize(
    ("password", "is_taken"),
    [
        ("a" * 72, True),
        ("a" * 73, False),
        ("é" * 36, True),
        ("é" * 36 + "a", False),
        ("e\N{COMBINING ACUTE ACCENT}" * 36, True),
        ("null \0 in it and more", False),
    ],
)
def test_a_password_has_at_most_72_bytes_in_its_composed_form(password: str, is_taken: bool) -> None:
    assert fits(password) is is_taken


@given(st.text(max_size=200), st.text(max_size=64))
def test_any_text_is_judged_and_what_is_taken_can_be_stored(password: str, user_name: str) -> None:
    fault = find_fault(password, user_name)

    assert fault in (None, "too_short", "too_long", "guessable")
    assert fault is not None or PASSWORDS.verify(password, PASSWORDS.make_record(password))


def test_what_the_site_makes_itself_is_taken() -> None:
    made = {one_time_secret() for _ in range(200)}
    assert len(made) == 200
    assert [secret for secret in made if find_fault(secret, "anne")] == []


@pytest.mark.parametrize(
    "password",
    ["a" * 71, "é" * 35, "🙂" * 17, "\ud800 half a pair", " " * 20],
    ids=["71 bytes", "70 bytes in 35 letters", "emoji", "surrogate", "blanks"],
)
def test_every_password_opens_its_own_record_and_no_other(password: str) -> None:
    record = PASSWORDS.make_record(password)

    assert PASSWORDS.verify(password, record)
    assert not PASSWORDS.verify(password[:-1], record)
    assert not PASSWORDS.verify(password + "a", record)


@pytest.mark.parametrize("more", ["a", "a" * 100, "é", "\0"])
def test_what_bcrypt_would_cut_off_is_a_wrong_password(more: str) -> None:
    assert not PASSWORDS.verify("a" * MAX_BYTES + more, PASSWORDS.make_record("a" * MAX_BYTES))
    with pytest.raises(ValueError, match="whole"):
        PASSWORDS.make_record("a" * MAX_BYTES + more)


def test_a_null_does_not_begin_the_password_anew() -> None:
    assert not PASSWORDS.verify("anne\0anne", PASSWORDS.make_record("anne"))


def test_one_text_in_two_unicode_forms_is_one_password() -> None:
    typed = "mémoire d'éléphant"

    assert PASSWORDS.verify(unicodedata.normalize("NFD", typed), PASSWORDS.make_record(typed))


def test_compatibility_forms_stay_apart() -> None:
    assert not PASSWORDS.verify("ﬁchier important", PASSWORDS.make_record("fichier important"))


@pytest.mark.parametrize("damage", ["", "x", "$2b$12$short", "hmac-sha384-bcrypt$00000000$x"])
def test_a_corrupt_record_is_a_wrong_password(damage: str) -> None:
    assert not PASSWORDS.verify(SENTENCE, damage)
    assert not Passwords(cost=4, pepper=b"p").verify(SENTENCE, damage)


def test_a_record_with_a_damaged_hash_is_a_wrong_password() -> None:
    assert not PASSWORDS.verify(SENTENCE, PASSWORDS.make_record(SENTENCE)[:-20])


def test_a_record_of_another_cost_is_to_be_renewed() -> None:
    assert not PASSWORDS.needs_new_record(PASSWORDS.make_record(SENTENCE))
    assert Passwords(cost=5).needs_new_record(PASSWORDS.make_record(SENTENCE))


@pytest.mark.parametrize("password", ["wrong", "w" * 100])
def test_an_unknown_user_costs_one_bcrypt_as_a_known_one(password: str, bcrypt_checks: list[bytes]) -> None:
    for record in (PASSWORDS.make_record(SENTENCE), None):
        PASSWORDS.verify(password, record)

    assert bcrypt_checks == [b"$2b$04$", b"$2b$04$"]
