"""Rules that a ward manager has saved: versions of what differs from the file, with who, when, why and figures.

The newest version holds; what it does not name is as the file says. Nothing is ever changed or deleted: the way back is
a new version with what an older one said, or with nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from elasticsearch import ConflictError
from pydantic import ValidationError

from alerts.answering import Person
from alerts.rules import Rules, RulesError, load_rules
from conf.errors import UserError
from elastic.client import Document, Search, answering
from elastic.names import ALERT_RULES
from elastic.schema import put_templates

log = logging.getLogger(__name__)

MOST_VERSIONS: Final = 100  # that the history shows
NEWEST_FIRST: Final[list[Any]] = [{"number": "desc"}]
CHANGEABLE: Final = (  # by a version; the rest is for the file
    "measured.systolic",
    "measured.diastolic",
    "measured.confirm_within_minutes",
    "measured.quiet",
    "predicted.levels.MEDIUM",
    "predicted.levels.HIGH",
    "predicted.levels.CRITICAL",
    "predicted.hysteresis",
    "predicted.quiet",
    "silence.intervals",
)

Changes = Mapping[str, float]  # by the name of a value


class VersionConflict(UserError):  # noqa: N818 - what happened, as the page names it
    """Somebody else has saved rules at the same time."""


class VersionError(RulesError):
    """Rules with these changes cannot be used; `places` are the names of the values, or of what holds them."""

    def __init__(self, message: str, places: Sequence[str]) -> None:
        super().__init__(message)
        self.places = tuple(places)


@dataclass(frozen=True, slots=True)
class Version:
    """What somebody saved; `figures` are those of a simulation that showed it beside the rules before (None: none)."""

    number: int
    saved_at: datetime
    by: str
    role: str
    why: str
    changes: dict[str, float] = field(default_factory=dict)
    figures: dict[str, Any] | None = None


@dataclass(frozen=True)
class InForce:
    """The rules in force, those of the file, and the version that changes them, None where there is none."""

    rules: Rules
    of_file: Rules
    version: Version | None

    @property
    def number(self) -> int:
        """Return the number of the version, 0 for the file alone."""
        return self.version.number if self.version else 0


def in_force(search: Search, file: Path) -> InForce:
    """Return the rules that hold now; raises `RulesError` for the file, and `SearchUnavailable`.

    A version that cannot be used any more, because the file has changed since, is passed by: alerts go on by the file.
    """
    of_file, found = load_rules(file), history(search, 1)
    version = found[0] if found else None
    if version is None:
        return InForce(of_file, of_file, None)
    try:
        return InForce(changed(of_file, version.changes), of_file, version)
    except VersionError as error:
        log.error("version %d of the rules is passed by: %s", version.number, error)
        return InForce(of_file, of_file, version)


def history(search: Search, most: int = MOST_VERSIONS) -> list[Version]:
    """Return the versions, the newest first."""
    body = {"size": most, "sort": NEWEST_FIRST, "track_total_hits": False}
    return [msgspec.convert(document, Version, strict=False) for document in search.page(ALERT_RULES, body).documents]


def by_number(search: Search, number: int) -> Version | None:
    """Return one version, None where there is none of that number."""
    document = search.get(ALERT_RULES, _id(number))
    return msgspec.convert(document, Version, strict=False) if document else None


def save(
    search: Search,
    changes: Changes,
    person: Person,
    now: datetime,
    why: str,
    figures: Mapping[str, Any] | None,
    before: int,
) -> Version:
    """Store a version in place of the one with the number `before`, visible to the next search.

    Raises `VersionConflict` if somebody else has done so.
    """
    kept = None if figures is None else dict(figures)
    version = Version(before + 1, now, person.name, person.role, why, dict(changes), kept)
    document: Document = msgspec.to_builtins(version)
    with answering():
        client = search.client.options(request_timeout=search.timeout_s)
        if not client.indices.exists(index=ALERT_RULES):
            put_templates(search.client)
        try:
            client.index(index=ALERT_RULES, id=_id(version.number), document=document, op_type="create", refresh=True)
        except ConflictError as error:
            raise VersionConflict("Somebody else has saved rules at the same time. Look at theirs first.") from error
    return version


def _id(number: int) -> str:
    """Return the id of a version, which nobody can take twice."""
    return f"{number:06}"


def values(rules: Rules) -> dict[str, float]:
    """Return what a version may change, as it is in some rules."""
    content = rules.model_dump(by_alias=True)
    found = {}
    for name in CHANGEABLE:
        value: Any = content
        for part in name.split("."):
            value = value[part]
        found[name] = value
    return found


def differences(rules: Rules, wanted: Changes) -> dict[str, float]:
    """Return those of the wanted values that are others than in some rules."""
    return {name: wanted[name] for name, value in values(rules).items() if name in wanted and wanted[name] != value}


def changed(rules: Rules, changes: Changes) -> Rules:
    """Return rules with some values changed, refused as those of a file are; raises `VersionError`."""
    unknown = sorted(set(changes) - set(CHANGEABLE))
    if unknown:
        raise VersionError(f"A version cannot change {', '.join(unknown)}. Change it in the file.", unknown)
    content = rules.model_dump(by_alias=True)
    for name, value in changes.items():
        *path, last = name.split(".")
        inner = content
        for part in path:
            inner = inner[part]
        inner[last] = value
    try:
        return Rules.model_validate(content)
    except ValidationError as error:
        faults = {".".join(map(str, fault["loc"])): fault["msg"] for fault in error.errors()}
        told = "; ".join(f"{place or 'the rules'}: {fault}" for place, fault in faults.items())
        raise VersionError(f"These rules cannot be used. {told}.", list(faults)) from error
