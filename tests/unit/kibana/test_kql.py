"""The subset of Kibana's query language that the tests of the dashboards understand."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.kql import KqlError, translate

HIGH = {"match_phrase": {"alert_level": "HIGH"}}
TALL = {"range": {"systolic": {"gte": "180"}}}
WIDE = {"range": {"diastolic": {"gt": "119.5"}}}


def either(*parts: Any) -> dict[str, Any]:
    return {"bool": {"should": list(parts), "minimum_should_match": 1}}


def all_of(*parts: Any) -> dict[str, Any]:
    return {"bool": {"filter": list(parts)}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {"match_all": {}}),
        (" ", {"match_all": {}}),
        ('alert_level : "HIGH"', HIGH),
        ('alert_level:"HIGH"', HIGH),
        ("kind : quality", {"match": {"kind": "quality"}}),
        ("not patient_id : canary-*", {"bool": {"must_not": {"prefix": {"patient_id": {"value": "canary-"}}}}}),
        ("useful : true", {"match": {"useful": "true"}}),
        ("ppv.HIGH : *", {"exists": {"field": "ppv.HIGH"}}),
        ("systolic >= 180", TALL),
        ("diastolic>119.5", WIDE),
        ("psi <= 0.1", {"range": {"psi": {"lte": "0.1"}}}),
        ("psi < 0.1", {"range": {"psi": {"lt": "0.1"}}}),
        ("systolic >= 180 or diastolic > 119.5", either(TALL, WIDE)),
        ('alert_level : "HIGH" and systolic >= 180', all_of(HIGH, TALL)),
        ("not systolic >= 180", {"bool": {"must_not": TALL}}),
        ("NOT systolic >= 180 AND diastolic > 119.5", all_of({"bool": {"must_not": TALL}}, WIDE)),
        (r'reason : "say \"no\""', {"match_phrase": {"reason": 'say "no"'}}),
        ('reason : "and (or) : *"', {"match_phrase": {"reason": "and (or) : *"}}),
        ('kind : ("drift" or quality)', either({"match_phrase": {"kind": "drift"}}, {"match": {"kind": "quality"}})),
    ],
)
def test_each_form_asks_what_kibana_would_ask(text: str, expected: dict[str, Any]) -> None:
    assert translate(text) == expected


def test_and_binds_before_or_unless_brackets_say_otherwise() -> None:
    words = 'systolic >= 180 or diastolic > 119.5 and alert_level : "HIGH"'
    assert translate(words) == either(TALL, all_of(WIDE, HIGH))
    bracketed = '(systolic >= 180 or diastolic > 119.5) and alert_level : "HIGH"'
    assert translate(bracketed) == all_of(either(TALL, WIDE), HIGH)


@pytest.mark.parametrize(
    "text",
    [
        "freetext",
        '"quoted" : 1',
        "patient_id : P-*0",
        "patient_id : *1",
        "systolic >= ",
        "systolic >= *",
        "systolic = 180",
        "systolic >= 180 and",
        "systolic >= 180 diastolic >= 120",
        "(systolic >= 180",
        "systolic >= 180)",
        "or systolic >= 180",
        "reasons : { code : x }",
        'kind : ("drift" and "quality")',
        'kind : "drift',
        "kind : not",
    ],
)
def test_what_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(KqlError, match="is not understood at"):
        translate(text)
