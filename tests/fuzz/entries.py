"""What a message holds and whom it names, told anew and simply: the second opinion that the laws ask.

It knows nothing of codes, values or times. It walks through the Bundles and says of each entry which names its subject
may have; the parser may refuse more, but must not find an entry more or less, nor another person.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

import msgspec

from fhir.parse.envelope import DEEPEST_BUNDLE

Json = dict[str, Any]


class Entry(NamedTuple):
    """A place in the message: its resource, if it is one, and every name its subject may have."""

    resource: Json | None
    names: frozenset[str]


class Context(NamedTuple):
    """What the Bundles around an entry say: names by reference, and references that name nobody by themselves."""

    people: dict[str, frozenset[str]]
    temporary: frozenset[str]
    urns_are_temporary: bool = False


NOWHERE = Context({}, frozenset())


def documents_of(payload: bytes | None) -> list[Any]:
    """Return the documents of a payload: one, or one a line; what cannot be read stands as None."""
    text = payload or b""
    try:
        return [msgspec.json.decode(text)]
    except (ValueError, RecursionError):
        lines = [line for line in text.split(b"\n") if line.strip()]
    documents = [_line(line) for line in lines] if len(lines) > 1 else []
    return documents if any(isinstance(item, dict) and "resourceType" in item for item in documents) else [None]


def _line(line: bytes) -> Any:
    try:
        return msgspec.json.decode(line)
    except (ValueError, RecursionError):
        return None


def entries_of(documents: list[Any]) -> list[Entry]:
    """Return all entries, in order, those of Bundles in Bundles too."""
    return [entry for document in documents for entry in _walk(document, NOWHERE, 0)]


def _walk(document: Any, context: Context, depth: int) -> Iterator[Entry]:
    if not isinstance(document, dict):
        yield Entry(None, frozenset())
        return
    entries = document.get("entry")
    if document.get("resourceType") != "Bundle" or depth == DEEPEST_BUNDLE or not isinstance(entries, list):
        yield Entry(document, _subjects(document, context))
        return
    inner = _within(document, entries, context)
    for entry in entries:
        is_deletion = isinstance(entry, dict) and _request(entry).get("method") == "DELETE"
        resource = entry.get("resource") if isinstance(entry, dict) and not is_deletion else None
        yield from _walk(resource, inner, depth + 1)
    if not entries:
        yield Entry(None, frozenset())


def _within(bundle: Json, entries: list[Any], outer: Context) -> Context:
    """Return the context inside a Bundle: whom its Patients are, by every reference that may mean them."""
    people, temporary = dict(outer.people), set(outer.temporary)
    in_transaction = bundle.get("type") in ("transaction", "batch")
    for entry in entries:
        patient = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(patient, dict) or patient.get("resourceType") != "Patient":
            continue
        request = _request(entry)
        id_, full_url, method = patient.get("id"), entry.get("fullUrl"), request.get("method")
        is_new = in_transaction and method == "POST"
        names = {*_identifiers(patient.get("identifier")), *_searched(request)}
        if method == "PUT" and isinstance(request.get("url"), str):
            names.add(request["url"].rpartition("/")[2])
        if not in_transaction:
            names.add(str(id_))
        for reference in (f"Patient/{id_}", full_url):
            if isinstance(reference, str):
                for known in (reference.lower(), _without_server(reference)):
                    people[known] = people.get(known, frozenset()) | names
                temporary |= {reference} if is_new else set()
    return Context(people, frozenset(temporary), outer.urns_are_temporary or in_transaction)


def _request(entry: Json) -> Json:
    return entry["request"] if isinstance(entry.get("request"), dict) else {}


def _without_server(reference: str) -> str:
    """Return type and id of a reference, however its server is spelt."""
    return "/".join(reference.lower().rstrip("/").rsplit("/", 2)[-2:])


def _identifiers(identifiers: Any) -> set[str]:
    found = identifiers if isinstance(identifiers, list) else [identifiers]
    return {f"{item.get('system')}|{item.get('value')}" for item in found if isinstance(item, dict)}


def _searched(request: Json) -> set[str]:
    """Return the identifiers of a condition, in ``ifNoneExist`` or the URL."""
    texts = [text for text in (request.get("ifNoneExist"), request.get("url")) if isinstance(text, str)]
    parts = [part for text in texts for part in text.rpartition("?")[2].split("&")]
    return {unquote_plus(part.removeprefix("identifier=")) for part in parts}


def _spelt(name: str) -> set[str]:
    """Return the spellings of a UUID."""
    return {name, name.lower()}


def _subjects(observation: Json, context: Context) -> frozenset[str]:
    subject = observation.get("subject")
    if not isinstance(subject, dict):
        return frozenset()
    names = _identifiers(subject.get("identifier"))
    reference = subject.get("reference")
    if not isinstance(reference, str):
        return frozenset(names)
    plain = reference.partition("/_history/")[0]
    if "type" in subject and plain[:1] != "#" and not {"/", ":"} & set(plain):
        plain = f"Patient/{plain}"  # a bare id
    for known in (plain.lower(), _without_server(plain)):
        names |= context.people.get(known, frozenset())
    if "?" in plain:
        return frozenset(names | _searched({"url": plain}))
    if plain.startswith("#"):
        contained = observation.get("contained")
        named = [item for item in contained if isinstance(item, dict)] if isinstance(contained, list) else []
        return frozenset(names | {name for item in named for name in _identifiers(item.get("identifier"))})
    if plain.startswith("urn:"):
        return frozenset(names if context.urns_are_temporary else names | _spelt(plain.rpartition(":")[2]))
    return frozenset(names if plain in context.temporary else names | {plain.rpartition("/")[2]})
