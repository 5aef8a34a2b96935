"""What is sealed opens with its own pepper and purpose alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.security.peppers import Peppers, UnknownPepper

OLD, NEW = b"o" * 32, b"n" * 32


@given(st.binary(max_size=32))
def test_what_is_sealed_opens_with_the_same_pepper_alone(secret: bytes) -> None:
    sealed = Peppers(OLD).seal("totp", secret)

    assert Peppers(OLD).unseal("totp", sealed) == Peppers(NEW, OLD).unseal("totp", sealed) == secret
    with pytest.raises(UnknownPepper):
        Peppers(NEW).unseal("totp", sealed)


def test_the_same_secret_is_never_sealed_alike_and_never_stands_there_itself() -> None:
    secret = b"twenty bytes are in."
    sealed = {Peppers(OLD).seal("totp", secret) for _ in range(20)}

    assert len(sealed) == 20
    assert not any(secret.hex() in one for one in sealed)


def test_another_purpose_opens_nothing() -> None:
    peppers = Peppers(OLD)

    assert peppers.unseal("other", peppers.seal("totp", b"x" * 20)) != b"x" * 20


@pytest.mark.parametrize("sealed", ["", "x", "a$b", "00000000$aa$bb", "$$", "a$b$c$d"])
def test_a_damaged_seal_is_told(sealed: str) -> None:
    with pytest.raises(UnknownPepper):
        Peppers(OLD).unseal("totp", sealed)


def test_damage_behind_the_right_version_is_told_too() -> None:
    with pytest.raises(UnknownPepper):
        Peppers(OLD).unseal("totp", f"{Peppers(OLD).current}$nonce$no hex")


def test_while_it_is_replaced_the_new_pepper_is_the_current_one() -> None:
    both = Peppers(NEW, OLD)

    assert both.current == Peppers(NEW).current != Peppers(OLD).current
    assert both.is_current(both.seal("totp", b"x"))
    assert not both.is_current(Peppers(OLD).seal("totp", b"x"))
