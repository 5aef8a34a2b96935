"""Patients' ids in addresses, as they are where that is safe, else in base64url behind a tilde; and as people see them.

An id may hold anything a hospital's system puts there, slashes and bars included (`system|value`).
"""

from __future__ import annotations

import base64
import re
import unicodedata
from typing import Final

from werkzeug.routing import BaseConverter, ValidationError

MARK: Final = "~"
LONGEST_SHOWN: Final = 20  # characters, in lists and headings
KEPT_END: Final = 10
LONGEST_IN_NAME: Final = 64
UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})  # categories of characters that show nothing
LONGEST_ID: Final = 2_048  # characters
is_plain = re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch


class PatientId(BaseConverter):
    """The part of an address that names a patient; one spelling only for each."""

    regex = r"~?[A-Za-z0-9._-]+"

    def to_python(self, value: str) -> str:
        """Return the patient's id; raise `ValidationError`, which the site answers with 404."""
        patient_id = read_id(value)
        if patient_id is None:
            raise ValidationError
        return patient_id

    def to_url(self, value: str) -> str:
        """Return how the id is spelled in an address."""
        return spell(value)


def spell(patient_id: str) -> str:
    """Return how a patient's id is spelled in an address."""
    if is_plain(patient_id) and patient_id not in (".", ".."):
        return patient_id
    return MARK + base64.urlsafe_b64encode(patient_id.encode("utf-8", "replace")).rstrip(b"=").decode()


def read_id(spelled: str) -> str | None:
    """Return the id that is spelled so in an address, None when no id is."""
    patient_id = spelled
    if spelled.startswith(MARK):
        try:
            patient_id = base64.urlsafe_b64decode(spelled[1:] + "=" * (-len(spelled[1:]) % 4)).decode("utf-8")
        except ValueError:  # neither base64 nor text
            return None
    return patient_id if len(patient_id) <= LONGEST_ID and spell(patient_id) == spelled else None


def visible(patient_id: str) -> str:
    """Return an id for people: characters that show nothing, or turn others round, are named instead (``[U+202E]``)."""
    return "".join(
        f"[U+{ord(character):04X}]" if unicodedata.category(character) in UNSEEN else character
        for character in patient_id
    )


def file_name(patient_id: str) -> str:
    """Return an id as part of the name of a file, on every system."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", patient_id).strip("._")[:LONGEST_IN_NAME] or "patient"


def shortened(patient_id: str) -> str:
    """Return an id for people, without its middle where it is long: the end tells more patients apart."""
    text = visible(patient_id)
    if len(text) <= LONGEST_SHOWN:
        return text
    return f"{text[: LONGEST_SHOWN - KEPT_END - 1]}\N{HORIZONTAL ELLIPSIS}{text[-KEPT_END:]}"
