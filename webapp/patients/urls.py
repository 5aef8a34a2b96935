"""Patients' ids in addresses: as they are where that is safe, else in base64url behind a tilde.

An id may hold anything a hospital's system puts there, slashes and bars included (`system|value`).
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from werkzeug.routing import BaseConverter, ValidationError

MARK: Final = "~"
LONGEST_ID: Final = 2_048  # characters
is_plain = re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch


class PatientId(BaseConverter):
    """The part of an address that names a patient."""

    regex = r"~?[A-Za-z0-9._-]+"

    def to_python(self, value: str) -> str:
        """The patient's id; one spelling only for each."""
        patient_id = read_id(value)
        if patient_id is None:
            raise ValidationError
        return patient_id

    def to_url(self, value: str) -> str:
        """How the id is spelled in an address."""
        return spell(value)


def spell(patient_id: str) -> str:
    """How a patient's id is spelled in an address."""
    if is_plain(patient_id) and patient_id not in (".", ".."):
        return patient_id
    return MARK + base64.urlsafe_b64encode(patient_id.encode("utf-8", "replace")).rstrip(b"=").decode()


def read_id(spelled: str) -> str | None:
    """The id that is spelled so in an address, None when no id is."""
    try:
        patient_id = _decode(spelled[1:]) if spelled.startswith(MARK) else spelled
    except ValidationError:
        return None
    return patient_id if len(patient_id) <= LONGEST_ID and spell(patient_id) == spelled else None


def _decode(text: str) -> str:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValidationError from error
