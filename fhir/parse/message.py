"""The entrance of the intake: one Kafka payload in, everything it says out."""

from __future__ import annotations

from msgspec.structs import replace

from fhir.parse.combine import merge_readings, pair_halves
from fhir.parse.envelope import MAX_PAYLOAD_BYTES, Located, locate_resources, read_documents
from fhir.parse.fast_path import read_plainly
from fhir.parse.observation import Draft, classify, read_observation, read_reading, read_retraction
from fhir.parse.subject import NO_BUNDLE
from fhir.pseudonyms import pseudonymise
from fhir.readings import IntakeRules, Parsed, Reading, Reject, Retraction
from fhir.reasons import Reason, Refused

__all__ = ["MAX_PAYLOAD_BYTES", "IntakeRules", "parse_message"]


def parse_message(payload: bytes | None, record_time_us: int, rules: IntakeRules) -> Parsed:
    """Read one message, whatever its bytes; never raises.

    `record_time_us` is the Kafka record time (microseconds since the epoch), against which readings from the future and
    too old ones are told. Every resource ends as a reading, a reject or in the count of ignored ones. With a key, all
    identifiers are pseudonyms.
    """
    parsed = _parse_whatever(payload, record_time_us, rules)
    return parsed if rules.pseudonym_key is None else pseudonymise(parsed, rules.pseudonym_key)


def _parse_whatever(payload: bytes | None, record_time_us: int, rules: IntakeRules) -> Parsed:
    try:
        return _parse(payload, record_time_us, rules)
    except Refused as refused:
        return Parsed(rejects=[Reject(refused.reason, refused.detail, None)])
    except Exception as error:  # an unforeseen shape must cost this message only, never the stream
        return Parsed(rejects=[Reject(Reason.MALFORMED_JSON, f"unforeseen {type(error).__name__}", None)])


def _parse(payload: bytes | None, record_time_us: int, rules: IntakeRules) -> Parsed:
    documents = read_documents(payload)
    if len(documents) == 1 and (reading := _plain_reading(documents[0], record_time_us, rules)):
        return Parsed(readings=[reading])
    parsed = judge_resources(locate_resources(documents), record_time_us, rules)
    if parsed.rejects and len(documents) == 1 and not _is_bundle(documents[0]):
        return replace(parsed, rejects=[replace(reject, entry=None) for reject in parsed.rejects])
    return parsed


def _plain_reading(document: object, record_time_us: int, rules: IntakeRules) -> Reading | None:
    if isinstance(document, dict) and document.get("resourceType") == "Observation":
        return read_plainly(document, record_time_us, rules)
    return None


def _is_bundle(document: object) -> bool:
    return isinstance(document, dict) and document.get("resourceType") == "Bundle"


def judge_resources(resources: list[Located], record_time_us: int, rules: IntakeRules) -> Parsed:
    """Apply the full rules to the resources of one message, each by itself, then all together."""
    drafts: list[Draft] = []
    retractions: list[Retraction] = []
    rejects: list[Reject] = []
    for located in resources:
        try:
            draft = _read(located, record_time_us, rules)
        except Refused as refused:
            rejects.append(Reject(refused.reason, refused.detail, located.entry))
            retractions += _retracted(refused, located, record_time_us, rules)
        else:
            if draft is not None:
                drafts.append(draft)
    ignored = len(resources) - len(drafts) - len(rejects)
    readings, more_rejects = _combine(drafts)
    return Parsed(readings, retractions, sorted(rejects + more_rejects, key=_entry), ignored)


def _read(located: Located, record_time_us: int, rules: IntakeRules) -> Draft | None:
    """The draft of one resource, None if it is ignored; raise `Refused`."""
    resource = located.resource
    if resource is None:
        return None
    if isinstance(resource, Refused):
        raise resource
    kind = resource.get("resourceType")
    if kind != "Observation":
        if located.scope is NO_BUNDLE or not isinstance(kind, str):
            raise Refused(Reason.UNSUPPORTED_RESOURCE_TYPE, kind or "no resourceType")
        return None
    content = classify(resource)
    if content is None:
        return None
    return read_observation(resource, content, located.entry, located.scope, record_time_us, rules)


def _retracted(refused: Refused, located: Located, record_time_us: int, rules: IntakeRules) -> list[Retraction]:
    if refused.reason is not Reason.STATUS_ENTERED_IN_ERROR or not isinstance(located.resource, dict):
        return []
    retraction = read_retraction(located.resource, located.entry, located.scope, record_time_us, rules)
    return [] if retraction is None else [retraction]


def _combine(drafts: list[Draft]) -> tuple[list[Reading], list[Reject]]:
    paired, rejects = pair_halves(drafts)
    readings: list[Reading] = []
    for draft in paired:
        try:
            readings.append(read_reading(draft))
        except Refused as refused:
            rejects.append(Reject(refused.reason, refused.detail, draft.entry))
    merged, repeats = merge_readings(readings)
    return merged, rejects + repeats


def _entry(reject: Reject) -> int:
    return reject.entry or 0
