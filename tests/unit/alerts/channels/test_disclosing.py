"""What leaves the house: what the recipient may know, and nothing else, whatever the channel."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from alerts.channels.disclosing import Disclosing, Told
from alerts.channels.message import Disclosure, Message
from conf.settings import Settings, SettingsError
from tests.support.tellings import (
    EVERYTHING,
    NOTHING,
    OUT_OF_RANGE,
    PATIENT,
    REASONS,
    SECRET,
    WHERE,
    measured,
    message,
    outage,
    predicted,
    recipient,
    refused,
    silent,
    telling,
)

SECRETS_OF: dict[Disclosure, tuple[str, ...]] = {  # what must not be read where the disclosure is not given
    Disclosure.ID: (PATIENT,),
    Disclosure.VALUES: ("193.7", "121.2", "0.8399", "250", "SYSTOLIC_NEWEST"),
    Disclosure.NAME: (WHERE["name"],),
    Disclosure.WARD: (WHERE["ward"], '"bed"'),
}
KNOWN = [measured(**WHERE), predicted(**WHERE, reasons=REASONS), refused(**WHERE), silent(**WHERE)]


def disclosing(secret: str = SECRET) -> Disclosing:
    return Disclosing(Settings(secret_key=secret))


def told(given: Message) -> Told:
    return disclosing().told(given)[0]


def as_text(document: dict[str, Any], discloses: frozenset[Disclosure]) -> str:
    return msgspec.json.encode(told(message([telling(document)], recipient(discloses=discloses), links={}))).decode()


@pytest.mark.parametrize("document", KNOWN, ids=lambda document: document["kind"])
def test_nothing_of_a_patient_leaves_unless_the_rules_say_so(document: dict[str, Any]) -> None:
    text = as_text(document, NOTHING)
    assert [secret for secrets in SECRETS_OF.values() for secret in secrets if secret in text] == []


@pytest.mark.parametrize("allowed", Disclosure)
def test_what_is_allowed_leaves_and_nothing_beside_it(allowed: Disclosure) -> None:
    text = "".join(as_text(document, frozenset({allowed})) for document in KNOWN)
    for disclosure, secrets in SECRETS_OF.items():
        assert all((secret in text) == (disclosure is allowed) for secret in secrets), disclosure


@pytest.mark.parametrize("allowed", [NOTHING, EVERYTHING])
def test_that_a_predicted_level_is_a_guess_is_told_to_everybody(allowed: frozenset[Disclosure]) -> None:
    given = message([telling(predicted(out_of_range=OUT_OF_RANGE))], recipient(discloses=allowed))
    assert told(given).out_of_range == tuple(OUT_OF_RANGE)


def test_a_patient_of_whom_the_register_knows_nothing_is_told_without() -> None:
    found = told(message([telling(measured())]))
    assert (found.name, found.ward, found.bed) == (None, None, None)


def test_a_silent_patient_is_told_without_the_time_of_a_value() -> None:
    assert told(message([telling(silent())])).measured_at is None


def test_an_outage_is_told_by_its_part() -> None:
    found = told(message([telling(outage())], recipient(discloses=NOTHING)))
    assert (found.part, found.subject, found.patient_id) == ("stream-ingest", "stream-ingest", None)


def test_an_alias_is_the_same_for_the_same_thing_and_hides_it() -> None:
    first, again, other = (told(message([telling(measured(id_))])) for id_ in ("P-1", "P-1", "P-2"))

    assert (first.alert, first.subject, first.key) == (again.alert, again.subject, again.key)
    assert len({first.alert, first.subject, first.key, other.alert, other.subject, other.key}) == 6


def test_an_alias_is_of_no_use_without_the_key() -> None:
    assert disclosing().alias("P-1") != disclosing("t" * 48).alias("P-1")


def test_what_is_to_be_done_first_is_told_first() -> None:
    tellings = [telling(each) for each in (silent(), predicted(), measured(), outage())]
    kinds = [each.kind for each in disclosing().told(message(tellings))]

    assert kinds == ["system", "measured", "predicted", "silence"]


def test_without_a_secret_key_nothing_is_told() -> None:
    with pytest.raises(SettingsError, match="BP_SECRET_KEY"):
        Disclosing(Settings())
