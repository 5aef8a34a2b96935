"""Which codes mean what: any coding counts that matches on (system, code), in no order; `display` and `text` never do.

The lists are those of these publications, as read in November 2026:

- HL7: value sets observation-vitalsign-bppanel, -systolicbp, -diastolicbp and -heartrate of FHIR R6 (6.0.0-ballot3 to
  ballot5, April 2025 to July 2026, LOINC 2.80 to 2.82; later builds drop 8479-8, by palpation); the validator's list
  of vital signs for 55284-4; the guide on personal health devices (uv/phd) for 150020 to 150022; Vital Signs (us/vitals
  1.0.0) and US Core 7.0.0 for averages.
- LOINC, class BP.TIMED.MOLEC: extremes and means of 1, 8, 10, 12 and 24 hours. The systolic block was read whole; of
  the diastolic one, 8463-2 to 8477-2, which is built alike, 8468-1, 8472-3 and 8474-9.
- NHS: GP Connect, "Representing blood pressure readings", with its excluded codes; NEWS2 guidance; UK Core value sets
  UKCore-BloodPressure-Systolic, -Diastolic (1.0.0, September 2023), UKCore-ObservationVitalSignsType (1.1.0, 2024).
- gematik ISiK with the ICU module of the Medizininformatik-Initiative: profiles of pulsatile pressures and value sets
  vs-mii-icu-code-monitoring-*, vs-mii-icu-bodysite-observation-* (6.0.0-rc, December 2025); DICOM PS3.16 Annex L for
  further vessels; SNOMED on FHIR, value set heartrate (January 2026).
- IEEE 11073-10101: the terms that these profiles and monitors name; 150033 and 150034 are an arterial line, 150037 and
  150038 ABP, 149514, 149522, 149530, 149546 pulse rates, 147842 the heart rate of an ECG, 150087 central venous.

Left out on purpose: 386534000, 364090009, 251076008 and 386533006 (arterial, systemic, invasive pressure) as panels,
since monitors write a single mean under them, and the components of a panel tell it anyway; 1036531000000108 and kin
(central pressure, a calculated one); 787541000000108 (the higher one of two arms); 249043002 (of a fetus).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, NamedTuple

LOINC: Final = "http://loinc.org"
SNOMED: Final = "http://snomed.info/sct"
MDC: Final = "urn:iso:std:iso:11073:10101"
OIDS: Final = {LOINC: "2.16.840.1.113883.6.1", SNOMED: "2.16.840.1.113883.6.96", MDC: "2.16.840.1.113883.6.24"}

JsonObject = dict[str, Any]


class Meaning(StrEnum):
    """What a code says about the Observation or component that carries it."""

    PANEL = "panel"
    SYSTOLIC = "systolic"
    DIASTOLIC = "diastolic"
    HEART_RATE = "heart rate"
    AVERAGE = "average"  # of several readings; also extremes, goals and differences
    OTHER_VESSEL = "other vessel"  # has systole and diastole like an artery, and must not pass for one
    OTHER_PRESSURE = "other pressure"  # one value alone: venous, wedge, intracranial
    OTHER_SITE = "other site"  # a bodySite
    MALFORMED = "malformed"  # one of these codes, but not written as FHIR has it


_MALFORMED: Final = Meaning.MALFORMED  # looked up once: Python 3.11 finds the members of an Enum slowly


class Concept(NamedTuple):
    """The label of a meaning and all its codes; the first LOINC code is the one that we write."""

    label: str
    loinc: tuple[str, ...] = ()
    mdc: tuple[str, ...] = ()
    snomed: tuple[str, ...] = ()


CONCEPTS: Final[dict[Meaning, Concept]] = {
    Meaning.PANEL: Concept(
        "Blood pressure panel with all children optional",
        ("85354-9", "55284-4", "35094-2", "55417-0"),
        ("150020",),
        # blood pressure; on examination, lying, standing, sitting, self-measured, non-invasive
        ("75367002", "163020007", "163033001", "163034007", "163035008", "335661000000109", "723237002"),
    ),
    Meaning.SYSTOLIC: Concept(
        "Systolic blood pressure",
        # sitting, standing, supine, on the left side, by palpation; continuous, invasive, non-invasive
        ("8480-6", "8459-0", "8460-8", "8461-6", "89268-7", "8479-8", "75997-7", "76215-3", "76534-7"),
        ("150021", "150017", "150033", "150037"),
        # arterial; sitting, lying, standing, on examination, self-reported, on admission; non-invasive, invasive
        (
            *("271649006", "72313002", "407554009", "407556006", "400974009", "163030003", "1162737008", "399304008"),
            *("251070002", "251071003"),
        ),
    ),
    Meaning.DIASTOLIC: Concept(
        "Diastolic blood pressure",
        ("8462-4", "8453-3", "8454-1", "8455-8", "89267-9", "75995-1", "76213-8", "76535-4"),
        ("150022", "150018", "150034", "150038"),
        (
            *("271650006", "1091811000000102", "407555005", "407557002", "400975005", "163031004", "1162735000"),
            *("174255007", "251073000"),
        ),
    ),
    Meaning.HEART_RATE: Concept(
        "Heart rate",
        (
            *("8867-4", "8889-8", "40443-4", "60978-4", "67129-7", "68999-2", "69000-8", "69001-6", "73795-7"),
            *("73799-9", "76476-1", "76477-9", "8890-6", "8891-4", "8892-2", "8893-0"),
        ),
        ("149546", "147842", "149514", "149522", "149530"),
        # pulse and heart rate, at rest, on admission, at the apex; brachial, radial, foot and ankle pulse
        (
            *("78564009", "364075005", "8499008", "444981005", "399017001", "1089491000000108"),
            *("422119006", "843941000000100", "429525003", "429614003"),
        ),
    ),
    Meaning.AVERAGE: Concept(
        "Blood pressure panel mean systolic and mean diastolic",
        (
            *("96607-7", "96608-5", "96609-3", "97844-5"),
            *("8481-4", "8482-2", "8483-0", "8484-8", "8485-5"),  # systolic: maximum of 1, 8, 10, 12, 24 h
            *("8486-3", "8487-1", "8488-9", "8489-7", "8490-5"),  # mean
            *("8491-3", "8492-1", "8493-9", "8494-7", "8495-4"),  # minimum
            *("8463-2", "8464-0", "8465-7", "8466-5", "8467-3"),  # diastolic: maximum
            *("8468-1", "8469-9", "8470-7", "8471-5", "8472-3"),  # mean
            *("8473-1", "8474-9", "8475-6", "8476-4", "8477-2"),  # minimum
            *("86908-1", "8452-5"),  # systolic goal; difference of inspiration and expiration
        ),
        snomed=(
            *("723232008", "723235005", "723236006", "928021000000108"),  # average, maximum, minimum, baseline
            *("314463006", "314464000", "314465004", "198081000000101", "198091000000104"),  # 24 hours, ambulatory
            *("314440001", "314453003", "413606001", "413605002"),  # average, average at home
            *("314449000", "314462001", "314446007", "314461008", "314445006", "314460009"),  # of 24 h, day, night
            *("314439003", "314448008", "314444005", "314443004"),  # systolic maximum: any, 24 h, day, night
            *("314452008", "314459004", "314458007", "314457002"),  # diastolic
            *("314438006", "314447003", "314441002", "314442009"),  # systolic minimum
            *("314451001", "314456006", "314454009", "314455005"),  # diastolic
            *("716579001", "716632005", "315612005", "315613000"),  # baseline, target
            *("814101000000107", "814081000000101"),  # centile
        ),
    ),
    Meaning.OTHER_VESSEL: Concept(
        "Pressure in the pulmonary artery, a ventricle or an atrium",
        (
            *("76284-9", "8440-0", "8385-7", "8414-5"),  # pulmonary artery: panel, systolic, diastolic, mean
            *("8430-1", "8375-8", "8404-6", "8432-7", "8377-4", "8406-1"),  # left, right ventricle
            *("60988-3", "60989-1", "75933-2", "8399-8", "60996-6", "60998-2", "60997-4", "8400-4"),  # atria
        ),
        (
            *("150044", "150045", "150046", "150047"),
            *("150064", "150065", "150066", "150067", "150068", "150069", "150070", "150071"),
            *("150100", "150101", "150102", "150103", "150104", "150105", "150106", "150107"),
        ),
        (
            *("250767002", "250769004", "301141002"),
            *("276769008", "276780008", "276781007"),
            *("276756009", "276772001", "276773006", "276774000", "399023006"),
            *("251068006", "276760007", "276762004", "276755008", "165077006"),
        ),
    ),
    Meaning.OTHER_PRESSURE: Concept(
        "Venous, wedge or intracranial pressure",
        ("60985-9", "75994-4", "60956-0"),
        ("150084", "150087", "150052", "153608"),
        (
            *("71420008", "366162006", "252076005", "366161004", "37476000", "366163001"),  # venous
            *("118433006", "37087001", "371829003", "76882007", "250844005"),  # wedge; intracranial
        ),
    ),
    Meaning.OTHER_SITE: Concept(
        "Pulmonary artery, chamber of the heart, large vein or inside of the skull",
        snomed=(
            *("81040000", "430160002", "50408007", "78480002"),  # pulmonary artery, a branch, left, right
            *("87878005", "244385005", "264856002", "53085002", "277633001"),  # ventricles
            *("82471001", "244387002", "73829009", "244383003"),  # atria
            *("48345005", "64131007", "12123001", "8887007", "8629005", "43863001"),  # veins
            *("1101003", "731998000"),  # intracranial
        ),
    ),
}
ELSEWHERE: Final = frozenset({Meaning.OTHER_VESSEL, Meaning.OTHER_PRESSURE, Meaning.OTHER_SITE})


def _spellings() -> dict[tuple[str, object], Meaning]:
    """Return the meaning of each (system, code), the system as URI with and without a slash and as OID.

    Codes of digits stand as numbers, too: FHIR has no such codes, and what is found here as one is malformed.
    """
    found: dict[tuple[str, object], Meaning] = {}
    for meaning, concept in CONCEPTS.items():
        for system, codes in ((LOINC, concept.loinc), (MDC, concept.mdc), (SNOMED, concept.snomed)):
            for uri in (system, f"{system}/", OIDS[system], f"urn:oid:{OIDS[system]}"):
                found.update({(uri, code): meaning for code in codes})
                found.update({(uri, int(code)): Meaning.MALFORMED for code in codes if code.isdigit()})
    return found


MEANINGS: Final = _spellings()


def meanings(concept: object) -> list[Meaning]:
    """Return the known meanings of a CodeableConcept, one for each coding that has one; empty for any other shape.

    A coding that stands alone instead of in a list, as converters from XML write it, is `MALFORMED` if it has one.
    """
    codings = concept.get("coding") if isinstance(concept, dict) else None
    if isinstance(codings, list):
        try:  # the common case without a call for each coding
            return [found for item in codings if (found := MEANINGS.get((item["system"], item["code"]))) is not None]
        except (KeyError, TypeError):  # some coding has another shape
            return [found for item in codings if (found := _meaning(item)) is not None]
    return [Meaning.MALFORMED] if isinstance(codings, dict) and _meaning(codings) is not None else []


def _meaning(coding: object) -> Meaning | None:
    """Return the meaning of a coding, None where there is none or where it has not the shape of a coding."""
    try:
        return MEANINGS.get((coding["system"], coding["code"]))  # type: ignore[index]
    except (KeyError, TypeError):  # no object, without one of both, or with what has no hash
        return None


def all_meanings(concept: object) -> list[Meaning]:
    """Return what the codings say together, in their order; a malformed one is left out where another says the same."""
    said = meanings(concept)
    if _MALFORMED in said and isinstance(concept, dict) and isinstance(concept["coding"], list):
        numbers = [coding for coding in concept["coding"] if _meaning(coding) is Meaning.MALFORMED]
        meant = {_meaning({**coding, "code": str(int(coding["code"]))}) for coding in numbers}
        if meant <= set(said):
            return [meaning for meaning in said if meaning is not Meaning.MALFORMED]
    return said


def is_unreadable(concept: object) -> bool:
    """Tell whether a CodeableConcept is there, but in a shape that leaves what it means unknown."""
    if not isinstance(concept, dict):
        return concept is not None
    codings = concept.get("coding")
    if isinstance(codings, list):
        return any(not isinstance(coding, dict | None) for coding in codings)
    return not isinstance(codings, dict | None)
