"""Details are short and can be written anywhere."""

from __future__ import annotations

from fhir.reasons import DETAIL_LENGTH, Reason, printable


def test_a_long_detail_is_cut() -> None:
    assert len(printable("x" * 10_000)) == DETAIL_LENGTH


def test_a_detail_is_always_utf8() -> None:
    assert printable("\ud800 lone surrogate").encode() == "� lone surrogate".encode()


def test_a_detail_holds_no_control_characters() -> None:
    assert printable("a\0b\x1b[31m\n\u202e") == "a�b�[31m" + 2 * "�"


def test_an_integer_too_long_to_print_is_described() -> None:
    assert "int" in printable(10**5000)


def test_a_reason_is_stored_as_its_name() -> None:
    assert all(reason.value == reason.name for reason in Reason)
