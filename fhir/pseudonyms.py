"""Pseudonyms in the place of identifiers: what leaves the parser when the intake has a key.

A pseudonym is the HMAC-SHA256 of an identifier, cut to 128 bits: the same for the same identifier and key, so that
windows, corrections and retractions work as before, and of no use to anybody without the key. Whoever has the key can
compute the pseudonym of an identifier, but not read one back. That of a patient is plain HMAC, which any tool can do:
``printf %s ID | openssl dgst -sha256 -hmac KEY``.
"""

from __future__ import annotations

import hmac
from functools import lru_cache
from typing import Final

from msgspec.structs import replace

from conf.canary import is_canary
from fhir.readings import Move, Parsed, Reading, Reject, Retraction

WITHHELD: Final = "withheld, since identifiers are pseudonymised"
LENGTH: Final = 32  # hexadecimal digits: two of 100 million identifiers are equal with a chance of 1 in 10^22
CACHED: Final = 65_536  # patients, devices and versions that a worker remembers; the ids of messages never come again


def pseudonymise(parsed: Parsed, key: bytes) -> Parsed:
    """Replace every identifier, and withhold the details of rejects, which quote the message."""
    return Parsed(
        [_of_reading(reading, key) for reading in parsed.readings],
        [_of_retraction(retraction, key) for retraction in parsed.retractions],
        [_of_reject(reject, key) for reject in parsed.rejects],
        parsed.ignored,
        [_of_move(move, key) if isinstance(move, Move) else move for move in parsed.moves],
    )


@lru_cache(CACHED)
def patient_pseudonym(patient_id: str, key: bytes) -> str:
    """Return what stands for a patient: 32 hexadecimal digits; for a canary, who is none, its id."""
    return patient_id if is_canary(patient_id) else _digest(patient_id, key)


def key_check(key: bytes) -> str:
    """Return what tells two keys apart without telling anything of them."""
    return _named("key check", "", key)


def _of_move(move: Move, key: bytes) -> Move:
    """Return a move of somebody under a pseudonym; wards and beds keep their names."""
    return replace(
        move,
        patient_id=patient_pseudonym(move.patient_id, key),
        encounter_id=move.encounter_id and _named("encounter", move.encounter_id, key),
    )


def _of_reading(reading: Reading, key: bytes) -> Reading:
    return replace(
        reading,
        patient_id=patient_pseudonym(reading.patient_id, key),
        observation_id=_of_observation(reading.observation_id, key),
        version_id=_of_few("version", reading.version_id, key),
        device_id=_of_few("device", reading.device_id, key),
        partner_id=_of_observation(reading.partner_id, key),
    )


def _of_reject(reject: Reject, key: bytes) -> Reject:
    patient_id = reject.patient_id
    return replace(
        reject,
        detail=WITHHELD,
        patient_id=None if patient_id is None else patient_pseudonym(patient_id, key),
        device_id=_of_few("device", reject.device_id, key),
    )


def _of_retraction(retraction: Retraction, key: bytes) -> Retraction:
    patient_id = retraction.patient_id
    return replace(
        retraction,
        patient_id=None if patient_id is None else patient_pseudonym(patient_id, key),
        observation_id=_of_observation(retraction.observation_id, key),
    )


def _of_observation(observation_id: str | None, key: bytes) -> str | None:
    return None if observation_id is None else _named("observation", observation_id, key)


@lru_cache(CACHED)
def _of_few(kind: str, identifier: str | None, key: bytes) -> str | None:
    return None if identifier is None else _named(kind, identifier, key)


def _named(kind: str, identifier: str, key: bytes) -> str:
    """Return a pseudonym of a kind: a device that carries its patient's id must not get the patient's."""
    return _digest(f"{kind}\0{identifier}", key)


def _digest(text: str, key: bytes) -> str:
    return hmac.digest(key, text.encode(), "sha256")[: LENGTH // 2].hex()
