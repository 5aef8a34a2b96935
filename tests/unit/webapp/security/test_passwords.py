"""Hashing that never fails on what people type, and rules for new passwords."""

from __future__ import annotations

import unicodedata

import pytest

from webapp.security.passwords import Passwords, find_fault, one_time_secret

PASSWORDS = Passwords(b"p" * 32, cost=4)
SENTENCE = "quatre lampes bleues dorment"


@pytest.mark.parametrize(
    "password",
    ["a" * 72, "a" * 73, "x" * 128, "é" * 40, "🙂" * 32, "\0null in it and more", "\ud800 half a pair", " " * 20],
    ids=["72 bytes", "73 bytes", "128", "80 bytes in 40 letters", "emoji", "null", "surrogate", "blanks"],
)
def test_every_password_opens_its_own_record_and_no_other(password: str) -> None:
    record = PASSWORDS.make_record(password)

    assert PASSWORDS.verify(password, record)
    assert not PASSWORDS.verify(password[:-1], record)
    assert not PASSWORDS.verify(password + "a", record)


def test_passwords_that_agree_in_their_first_72_bytes_are_different() -> None:
    assert not PASSWORDS.verify("a" * 72 + "b", PASSWORDS.make_record("a" * 72 + "c"))


def test_one_text_in_two_unicode_forms_is_one_password() -> None:
    typed = "mémoire d'éléphant"

    assert PASSWORDS.verify(unicodedata.normalize("NFD", typed), PASSWORDS.make_record(typed))


def test_compatibility_forms_stay_apart() -> None:
    assert not PASSWORDS.verify("ﬁchier important", PASSWORDS.make_record("fichier important"))


@pytest.mark.parametrize("damage", ["", "x", "$2b$12$short", "hmac-sha384-bcrypt$00000000$x"])
def test_a_corrupt_record_is_a_wrong_password(damage: str) -> None:
    assert not PASSWORDS.verify(SENTENCE, damage)


def test_a_record_with_a_damaged_hash_is_a_wrong_password() -> None:
    assert not PASSWORDS.verify(SENTENCE, PASSWORDS.make_record(SENTENCE)[:-20])


def test_a_record_of_another_pepper_does_not_open() -> None:
    assert not Passwords(b"q" * 32, cost=4).verify(SENTENCE, PASSWORDS.make_record(SENTENCE))


def test_the_record_holds_scheme_pepper_version_and_cost() -> None:
    scheme, version, hashed = PASSWORDS.make_record(SENTENCE).split("$", 2)

    assert scheme == "hmac-sha384-bcrypt"
    assert len(version) == 8
    assert hashed.startswith("$2b$04$")
    assert not PASSWORDS.needs_new_record(PASSWORDS.make_record(SENTENCE))
    assert Passwords(b"p" * 32, cost=5).needs_new_record(PASSWORDS.make_record(SENTENCE))


def test_an_unknown_user_costs_one_bcrypt_as_a_known_one(bcrypt_checks: list[bytes]) -> None:
    for given in (PASSWORDS.make_record(SENTENCE), None):
        PASSWORDS.verify("wrong", given)

    assert bcrypt_checks == [b"$2b$04$", b"$2b$04$"]


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
        ("anne.martin 12345678", "known_words"),
        ("anne marche vers la mer", None),
    ],
)
def test_a_new_password_is_judged_by_length_and_known_words(password: str, fault: str | None) -> None:
    assert find_fault(password, "anne.martin") == fault


def test_a_password_may_have_128_characters() -> None:
    longest = (SENTENCE * 5)[:128]

    assert find_fault(longest, "anne") is None


def test_one_time_secrets_are_long_enough_and_never_the_same() -> None:
    made = {one_time_secret() for _ in range(50)}

    assert len(made) == 50
    assert all(find_fault(secret, "anne") is None for secret in made)


def test_derived_keys_need_pepper_purpose_and_nonce() -> None:
    keys = {
        PASSWORDS.derive("totp", "a"),
        PASSWORDS.derive("totp", "b"),
        PASSWORDS.derive("other", "a"),
        Passwords(b"q" * 32, cost=4).derive("totp", "a"),
    }

    assert len(keys) == 4
