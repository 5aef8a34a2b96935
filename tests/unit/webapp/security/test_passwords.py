"""Hashing that never fails on what people type."""

from __future__ import annotations

import unicodedata

import pytest

from webapp.security.passwords import Passwords
from webapp.security.peppers import Peppers

PASSWORDS = Passwords(Peppers(b"p" * 32), cost=4)
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
    assert not Passwords(Peppers(b"q" * 32), cost=4).verify(SENTENCE, PASSWORDS.make_record(SENTENCE))


def test_the_record_holds_scheme_pepper_version_and_cost() -> None:
    scheme, version, hashed = PASSWORDS.make_record(SENTENCE).split("$", 2)

    assert scheme == "hmac-sha384-bcrypt"
    assert len(version) == 8
    assert hashed.startswith("$2b$04$")
    assert not PASSWORDS.needs_new_record(PASSWORDS.make_record(SENTENCE))
    assert Passwords(Peppers(b"p" * 32), cost=5).needs_new_record(PASSWORDS.make_record(SENTENCE))


def test_an_unknown_user_costs_one_bcrypt_as_a_known_one(bcrypt_checks: list[bytes]) -> None:
    for given in (PASSWORDS.make_record(SENTENCE), None):
        PASSWORDS.verify("wrong", given)

    assert bcrypt_checks == [b"$2b$04$", b"$2b$04$"]


def test_while_a_pepper_is_replaced_records_of_both_open_at_one_bcrypt_each(bcrypt_checks: list[bytes]) -> None:
    both = Passwords(Peppers(b"q" * 32, b"p" * 32), cost=4)
    record = PASSWORDS.make_record(SENTENCE)

    assert both.verify(SENTENCE, record)
    assert not both.verify("wrong", record)
    assert both.verify(SENTENCE, both.make_record(SENTENCE))
    assert len(bcrypt_checks) == 3


def test_a_record_of_the_old_pepper_is_to_be_renewed() -> None:
    both = Passwords(Peppers(b"q" * 32, b"p" * 32), cost=4)

    assert both.needs_new_record(PASSWORDS.make_record(SENTENCE))
    assert not both.needs_new_record(both.make_record(SENTENCE))
    assert not Passwords(Peppers(b"q" * 32), cost=4).needs_new_record(both.make_record(SENTENCE))
