"""Stored documents as FHIR R4 resources: valid against the published models, with the right codes and numbers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fhir_models import r4b
from tests.unit.webapp.api.documents import prediction, reading
from webapp.api.fhir.resources import fhir_id, observations, percent, risk_assessment

Observation = r4b("Observation")
RiskAssessment = r4b("RiskAssessment")

Json = dict[str, Any]
stored_risks = st.integers(0, 1_000_000).map(lambda millionths: round(millionths / 1_000_000, 6))


def pressures_of(reading_: Json) -> Json:
    return observations(reading_)[0]


@pytest.mark.parametrize("status", ["final", "amended", "corrected", "preliminary", "unknown", "entered-in-error"])
def test_every_stored_reading_is_a_valid_observation(status: str) -> None:
    for resource in observations(reading(status=status)):
        Observation.model_validate(resource)
        assert resource["status"] == status


def test_pressures_and_heart_rate_are_observations_of_their_own() -> None:
    pressures, heart_rate = observations(reading(systolic=181.0, diastolic=97.0, heart_rate=88.0))
    components = {part["code"]["coding"][0]["code"]: part["valueQuantity"] for part in pressures["component"]}
    assert pressures["code"]["coding"][0] | {"display": None} == {
        "system": "http://loinc.org",
        "code": "85354-9",
        "display": None,
    }
    assert pressures["meta"]["profile"] == ["http://hl7.org/fhir/StructureDefinition/bp"]
    assert {code: value["value"] for code, value in components.items()} == {"8480-6": 181.0, "8462-4": 97.0}
    assert {value["code"] for value in components.values()} == {"mm[Hg]"}
    assert heart_rate["code"]["coding"][0]["code"] == "8867-4"
    assert (heart_rate["valueQuantity"]["value"], heart_rate["valueQuantity"]["code"]) == (88.0, "/min")
    assert pressures["id"] != heart_rate["id"]


def test_a_heart_rate_alone_has_no_pressures_and_a_pressure_alone_no_heart_rate() -> None:
    assert [each["code"]["coding"][0]["code"] for each in observations(reading(systolic=None))] == ["8867-4"]
    assert [each["code"]["coding"][0]["code"] for each in observations(reading(heart_rate=None))] == ["85354-9"]


@pytest.mark.parametrize(
    ("systolic", "diastolic", "code"),
    [(180, 80, "HH"), (120, 120, "HH"), (145, 80, "H"), (118, 70, "N"), (85, 70, "L")],
)
def test_the_interpretation_follows_the_category(systolic: float, diastolic: float, code: str) -> None:
    resource = pressures_of(reading(systolic=systolic, diastolic=diastolic))
    assert resource["interpretation"][0]["coding"][0]["code"] == code


@given(stored_risks)
def test_every_stored_prediction_is_a_valid_risk_assessment(risk: float) -> None:
    RiskAssessment.model_validate(risk_assessment(prediction(risk_6h=risk)))


@given(stored_risks)
def test_a_probability_is_written_in_percent_without_binary_dust(risk: float) -> None:
    assert Decimal(str(percent(risk))) == Decimal(str(risk)) * 100


def test_a_prediction_names_three_horizons_with_their_periods() -> None:
    stored = prediction(critical_risk_1h=0.05, risk_6h=0.41, critical_risk_24h=0.9)
    parts = risk_assessment(stored)["prediction"]
    assert [part["probabilityDecimal"] for part in parts] == [5, 41, 90]
    assert {part["whenPeriod"]["start"] for part in parts} == {"2026-03-01T08:00:00.000Z"}
    assert [part["whenPeriod"]["end"] for part in parts] == [
        "2026-03-01T09:00:00.000Z",
        "2026-03-01T14:00:00.000Z",
        "2026-03-02T08:00:00.000Z",
    ]


@pytest.mark.parametrize(
    ("risk", "level", "code"),
    [(0.19, "LOW", "low"), (0.2, "MEDIUM", "moderate"), (0.4, "HIGH", "high"), (1.0, "CRITICAL", "high")],
)
def test_the_alert_level_is_the_qualitative_risk_of_six_hours_alone(risk: float, level: str, code: str) -> None:
    one_h, six_h, day = risk_assessment(prediction(risk_6h=risk))["prediction"]
    assert [each["code"] for each in six_h["qualitativeRisk"]["coding"]] == [level, code]
    assert "qualitativeRisk" not in one_h
    assert "qualitativeRisk" not in day


def test_a_risk_out_of_the_model_s_range_is_called_a_guess_at_every_horizon() -> None:
    assert "guess" not in str(risk_assessment(prediction()))
    guessed = risk_assessment(prediction(out_of_range=["INTERVAL_LONG", "GAP_LONG"]))
    said = "A mere guess: the model was not trained on such readings (INTERVAL_LONG, GAP_LONG)."
    assert [said in horizon["rationale"] for horizon in guessed["prediction"]] == [True] * 3


def test_the_basis_is_the_observation_of_the_newest_reading() -> None:
    basis = risk_assessment(prediction(minutes=15))["basis"][0]["reference"]
    assert basis == f"Observation/{pressures_of(reading(minutes=15))['id']}"


def test_the_model_is_named_as_method_and_performer() -> None:
    resource = risk_assessment(prediction(model_version="v7"))
    assert resource["method"]["coding"][0]["code"] == "v7"
    assert resource["performer"]["reference"] == f"#{resource['contained'][0]['id']}"


@pytest.mark.parametrize("patient_id", ["P-0412", "p_1", "urn:oid:1.2.3|0815", "é" * 64])
def test_any_patient_id_gives_valid_resources(patient_id: str) -> None:
    for resource in observations(reading(patient_id)):
        Observation.model_validate(resource)
    RiskAssessment.model_validate(risk_assessment(prediction(patient_id)))


def test_a_patient_id_that_fhir_takes_is_the_resource_id_and_others_keep_their_identifier() -> None:
    assert fhir_id("P-0412") == "P-0412"
    subject = pressures_of(reading("urn:oid:1.2.3|0815"))["subject"]
    assert subject["identifier"] == {"system": "urn:oid:1.2.3", "value": "0815"}
    assert subject["reference"] == f"Patient/{fhir_id('urn:oid:1.2.3|0815')}"
