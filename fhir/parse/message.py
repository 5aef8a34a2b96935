"""The entrance of the intake: one Kafka payload in, everything it says out."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from fhir.faults import internal_error
from fhir.parse.attention import attention, describe_refusal
from fhir.parse.combine import merge_readings, pair_halves
from fhir.parse.content import classify
from fhir.parse.encounter import read_move
from fhir.parse.envelope import MAX_PAYLOAD_BYTES, Located, locate_resources, read_documents
from fhir.parse.fast_path import read_plainly
from fhir.parse.location import read_location
from fhir.parse.observation import Draft, read_observation, read_reading
from fhir.parse.retractions import read_retraction, retractions_of_draft
from fhir.parse.subject import NO_BUNDLE
from fhir.pseudonyms import pseudonymise
from fhir.readings import RETRACTED_STATUS, IntakeRules, Location, Move, Parsed, Reading, Reject, Retraction
from fhir.reasons import Reason, Refused

__all__ = ["MAX_PAYLOAD_BYTES", "judge_resources", "parse_message"]

PLACES: Final = ("Encounter", "Location")  # what says where patients lie


def parse_message(payload: bytes | None, record_time_us: int, rules: IntakeRules) -> Parsed:
    """Read one message, whatever its bytes; never raises.

    `record_time_us` is the Kafka record time (microseconds since the epoch), against which readings from the future and
    too old ones are told. Every resource ends as a reading, a reject or in the count of ignored ones. With a key, all
    identifiers are pseudonyms.
    """
    try:
        try:
            parsed = _parse(payload, record_time_us, rules)
        except Refused as refused:
            parsed = Parsed(rejects=[Reject(refused.reason, refused.detail, None)])
        return parsed if rules.pseudonym_key is None else pseudonymise(parsed, rules.pseudonym_key)
    except Exception as error:  # an unforeseen shape must cost this message only, never the stream
        return Parsed(rejects=[internal_error(error)])


def _parse(payload: bytes | None, record_time_us: int, rules: IntakeRules) -> Parsed:
    documents = read_documents(payload)
    only = documents[0] if len(documents) == 1 else None
    kind = only.get("resourceType") if isinstance(only, dict) else None
    if isinstance(only, dict) and kind == "Observation":
        reading = read_plainly(only, 0, NO_BUNDLE, record_time_us, rules)
        if reading is not None:
            return Parsed(readings=[reading])
    located = locate_resources(documents)
    parsed = judge_resources(located, record_time_us, rules, short_way=kind != "Observation")
    if parsed.rejects and len(documents) == 1 and kind != "Bundle":  # a single resource has no position
        return replace(parsed, rejects=[replace(reject, entry=None) for reject in parsed.rejects])
    return parsed


def judge_resources(
    resources: list[Located], record_time_us: int, rules: IntakeRules, *, short_way: bool = False
) -> Parsed:
    """Apply the full rules to the resources of one message, each by itself, then all together.

    By the `short_way`, what is plainly right is read without them: the same, and sooner.
    """
    drafts: list[Draft | Reading] = []
    retractions: list[Retraction] = []
    rejects: list[Reject] = []
    moves: list[Move | Location] = []
    for located in resources:
        if isinstance(located.resource, Retraction):
            retractions.append(located.resource)
            rejects.append(Reject(Reason.DELETED, f"Observation/{located.resource.observation_id}", located.entry))
            continue
        draft = None
        try:
            resource = located.resource
            if rules.takes_encounters and isinstance(resource, dict) and resource.get("resourceType") in PLACES:
                read = read_move if resource["resourceType"] == "Encounter" else read_location
                move = read(resource, located.scope, record_time_us, rules)
                moves += [] if move is None else [move]
                continue
            draft = _read(located, record_time_us, rules, short_way)
        except Refused as refused:
            rejects.append(describe_refusal(refused, located.resource, located.entry, located.scope, rules))
        if draft is not None:
            drafts.append(draft)
        else:
            retractions += _taken_back(located, record_time_us, rules)
    ignored = len(resources) - len(drafts) - len(rejects)
    combined = _combine(drafts)
    by_entry = sorted(rejects + combined.rejects, key=lambda reject: reject.entry or 0)
    return Parsed(combined.readings, retractions + combined.retractions, by_entry, ignored, moves)


def _read(located: Located, record_time_us: int, rules: IntakeRules, short_way: bool) -> Draft | Reading | None:
    """Return the draft of one resource or its plain reading, None if it is ignored; raise `Refused`."""
    resource = located.resource
    if not isinstance(resource, dict):
        if isinstance(resource, Refused):
            raise resource
        return None
    kind = resource.get("resourceType")
    if kind != "Observation":
        if located.scope is NO_BUNDLE or not isinstance(kind, str):
            raise Refused(Reason.UNSUPPORTED_RESOURCE_TYPE, kind or "no resourceType")
        return None
    if short_way:
        reading = read_plainly(resource, located.entry, located.scope, record_time_us, rules)
        if reading is not None:
            return reading
    content = classify(resource)
    if content is None:
        if resource.get("status") == RETRACTED_STATUS and resource.get("code") is None:  # may be of one of ours
            raise Refused(Reason.STATUS_ENTERED_IN_ERROR, RETRACTED_STATUS)
        return None
    return read_observation(resource, content, located.entry, located.scope, record_time_us, rules)


def _taken_back(located: Located, record_time_us: int, rules: IntakeRules) -> list[Retraction]:
    """Return what a resource that gives no reading takes back."""
    resource = located.resource
    if not isinstance(resource, dict) or resource.get("resourceType") != "Observation":
        return []
    retraction = read_retraction(resource, located.entry, located.scope, record_time_us, rules)
    return [] if retraction is None else [retraction]


def _combine(drafts: list[Draft | Reading]) -> Parsed:
    paired, rejects = pair_halves(drafts)
    readings: list[Reading] = []
    retractions: list[Retraction] = []
    partners: dict[int | None, int] = {}  # the entry of the second half of a pair by that of the first
    for draft in paired:
        if isinstance(draft, Reading):
            readings.append(draft)
            continue
        if draft.partner_entry is not None:
            partners[draft.entry] = draft.partner_entry
        try:
            readings.append(read_reading(draft))
        except Refused as refused:
            who = draft.patient_id, draft.device_id, draft.effective_us
            words = attention(refused.reason, draft.measured)
            rejects.append(Reject(refused.reason, refused.detail, draft.entry, *who, words))
            retractions += retractions_of_draft(draft)
    merged, repeats = merge_readings(readings)
    rejects += repeats
    halves = (
        reject for reject in list(rejects) if reject.entry in partners
    )  # both are refused, one asks for attention
    rejects += [replace(reject, entry=partners[reject.entry], attention=None) for reject in halves]
    return Parsed(merged, retractions, rejects)
