"""The canary: a patient who is none. Its readings go the whole way and prove that the chain lives; nobody is shown it.

Its id stays as it is where others are replaced by pseudonyms: it is nobody's, and all that leaves it out knows it by
its beginning. A real patient must not have such an id.
"""

from __future__ import annotations

from typing import Final

CANARY_PREFIX: Final = "canary-"


def is_canary(patient_id: str | None) -> bool:
    """Tell whether an id is that of a canary; None, of what is about no patient, is not."""
    return patient_id is not None and patient_id.startswith(CANARY_PREFIX)
