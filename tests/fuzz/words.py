"""What the author of the fuzz chooses from: the ordinary, the odd, and the borders of every type."""

from __future__ import annotations

from typing import Any, Final

from conf.times import DAY_US, HOUR_US, MINUTE_US, SECOND_US
from fhir.codes import MEANINGS, Meaning
from fhir.units import UNITS
from tests.support.factories import LOINC, MDC, SNOMED, UCUM
from tests.support.surveillance import instant

NOW_US: Final = instant("2026-03-02T00:00:00+00:00")
FIRST_NOON_US: Final = instant("2026-03-01T12:00:00+00:00")
NEAR_US: Final = (0, 0, 0, SECOND_US, 30 * SECOND_US, MINUTE_US, 61 * SECOND_US, 2 * MINUTE_US, HOUR_US, 12 * HOUR_US)
ZONES: Final = ("Z", "Z", "+00:00", "-00:00", "+01:00", "-05:00", "+05:45", "+14:00", "-12:00")
BORDERS: Final = (
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "1900-01-01T00:00:00Z",
    "1969-12-31T23:59:59Z",
    "1970-01-01T00:00:00Z",
    "1970-12-31T23:59:59.999999Z",
    "1971-01-01T00:00:00Z",
    "1971-01-01T00:00:00+14:00",
    "2038-01-19T03:14:08Z",
    "2099-12-31T23:59:59Z",
    "2099-12-31T23:59:59-12:00",
    "2100-01-01T00:00:00Z",
    "2106-02-07T06:28:15Z",
    "2262-04-11T23:47:16Z",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-12:00",
    "2026-03-01T12:00:60Z",
    "2016-12-31T23:59:60Z",
    "2026-02-29T12:00:00Z",
    "2024-02-29T12:00:00Z",
    "2026-03-01T24:00:00Z",
    "2026-03-01T12:00:00+14:01",
    "2026-03-01T12:00:00.123456789Z",
    "2026-03-01T12:00:00.0000000000000000000001Z",
    "2026-03-01T12:00:00",
    "2026-03-01",
    "2026",
    "2026-03-02T00:01:00Z",  # a minute after the record time, an hour, a day, and a little more
    "2026-03-02T01:00:00Z",
    "2026-03-03T00:00:00Z",
    "2026-03-03T00:00:01Z",
    "1772366400",
    "٢٠٢٦-03-01T12:00:00Z",
)
RECORD_TIMES_US: Final = (
    *(0, -1, -1000, NOW_US // 1000, NOW_US * 1000, NOW_US - 500 * DAY_US, NOW_US + 500 * DAY_US),
    *(2**31 * SECOND_US, 2**32 * SECOND_US, 2**53, 2**53 * 1000, 2**63 - 1, -(2**63)),
    *(instant("1971-01-01T00:00:00+00:00"), instant("2100-01-01T00:00:00+00:00") - 1),
    instant("2100-01-01T00:00:00+00:00"),
)

CODES: Final[dict[Meaning, list[tuple[str, object]]]] = {
    meaning: [coding for coding, known in MEANINGS.items() if known is meaning] for meaning in Meaning
}
FOREIGN_CODES: Final = (
    (LOINC, "8478-0"),  # mean
    (LOINC, "8310-5"),  # body temperature
    (LOINC, "8440-0"),  # pulmonary artery
    (LOINC, "76284-9"),
    (LOINC, "85353-1"),
    (MDC, "150045"),
    (SNOMED, "386534000"),
    (f"{LOINC}#", "8480-6"),
    ("urn:oid:2.16.840.1.113883.6.1", "8480-6"),
    ("", "8480-6"),
    (LOINC, " 8480-6"),
)
RATE_UNITS: Final = ("/min", "{Beats}/min", "min-1", "/min{beats}", "bpm", *UNITS)
PRESSURE_UNITS: Final = ("mm[Hg]",) * 8 + ("mmHg", "mm[HG]", "mmhg", "kPa", "cm[H2O]", "[psi]", *UNITS)

PEOPLE: Final = ("anna", "bela", "0", "1")
IDENTIFIERS: Final = (("urn:oid:2.999.7", "4711"), ("urn:oid:2.999.7", "4712"), ("https://ehr.example/mrn", "anna"))
URNS: Final = (
    "urn:uuid:6a1f0c9e-2222-4b3c-8d4e-00000000beef",
    "urn:uuid:6A1F0C9E-2222-4B3C-8D4E-00000000BEEF",
    "urn:oid:2.999.7.4711",
    "urn:uuid:0",
)
SERVERS: Final = ("https://ehr.example/fhir", "http://127.0.0.1:8080/a")
ODD_REFERENCES: Final = (
    *("Group/ward-3", "Device/cuff", "Patient/", "Patient?identifier=urn:oid:2.999.7|4711", "#", "#patient", "Patient"),
    *("Patient/urn:oid:2.999", "Patient/a b", "patient/anna", "//Patient/anna", "https://ehr.example/fhir/Group/anna"),
    *(f"Patient/{'x' * 64}", f"Patient/{'x' * 65}", "Patient/anna/_history/3", "Patient/../anna", "urn:uuid:", ""),
)
NAMES: Final = (
    *(f"bp-{number}" for number in range(1, 9)),
    "hr-1",
    "epic-" + "b" * 115,
    "x" * 300,
    "é|\u2028",
    None,
    None,
)
STATUSES: Final = ("final",) * 12 + ("amended", "corrected", "entered-in-error")
ODD_STATUSES: Final = (
    *("preliminary", "unknown", "registered", "cancelled", "cancelled", "appended", "bogus", "", None, 1),
)
VERSIONS: Final = ("1", "2", "2", "3", "10", "9" * 30, "0", "-1", "a7", "", "٣", 2, None, str(2**44), str(2**63))
CHANGES: Final = ("2026-03-01T12:30:00Z", "2026-03-01T13:00:00Z", "1969-12-31T23:59:59Z", *BORDERS[:16])
ETAGS: Final = ('W/"1"', 'W/"2"', 'W/"3"', '"4"', "5", 'W/""', 'W/"b7"', "", 7)
BUNDLES: Final = (
    *("collection", "searchset", "transaction", "transaction", "batch", "history", "history", "message", "document"),
    *("batch-response", "transaction-response", "subscription-notification", "bogus", None, 7),
)
METHODS: Final = ("POST", "PUT", "GET", "DELETE", "PATCH", "post", None)
PRESSURES: Final = (
    *((128, 82), (128, 82), (150, 95), (118.5, 76), (185, 121), (310, 160), (82, 128), (2047, 2047), (50, 20)),
    *((300, 200), (49.9, 20), (70, 69), (128.000000001, 82), (1e-320, 1e308), (10**400, -(10**400))),
)
RATES: Final = (71, 72, 20, 300, 19.9, 301, 0, -1, 1e300)
COMPARATORS: Final = ("<", "<=", ">=", ">", "ad", "~")
MODIFIER: Final[list[Any]] = [{"url": "https://ehr.example/fhir/StructureDefinition/simulated", "valueBoolean": True}]
ABSENT: Final[dict[str, Any]] = {"coding": [{"code": "not-performed"}]}
SITES: Final = ((SNOMED, "368208006"), (SNOMED, "368209003"), (SNOMED, "81040000"), ("", "arm"))
QUANTITY_SYSTEMS: Final[tuple[Any, ...]] = (f"{UCUM}/", "", None, MDC, 7)
