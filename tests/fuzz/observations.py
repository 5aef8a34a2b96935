"""Observations of the fuzz: new ones of any form, and revisions of those that were written before.

`oddness` is the chance of each element to be odd: feeds range from the flawless to the absurd.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, TypeVar

from fhir.codes import Meaning
from tests.fuzz import words
from tests.support.factories import UCUM

Json = dict[str, Any]
T = TypeVar("T")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
REVISIONS = ("amended", "corrected", "entered-in-error", "cancelled")


class Observer:
    """Writes the Observations of one feed."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.pick = random.choice
        self.oddness = random.choice((0.0, 0.0, 0.02, 0.1, 0.3))
        self.written: list[Json] = []  # the Observations so far

    def odd(self) -> bool:
        """Tell whether the next element is to be odd."""
        return self.random.random() < self.oddness

    def either(self, ordinary: T, odd: Sequence[T]) -> T:
        """Return the ordinary value, or an odd one."""
        return self.pick(odd) if self.odd() else ordinary

    def patient(self) -> Json:
        """Return a Patient, by id, by identifier or both."""
        return self._without_none(
            resourceType="Patient",
            id=self.pick((*words.PEOPLE, None)),
            identifier=self.identifiers() if self.random.random() < 0.7 else None,
        )

    def identifiers(self) -> list[Json]:
        return [{"system": system, "value": value} for system, value in [self.pick(words.IDENTIFIERS)]]

    def observation(self, form: str = "") -> Json:
        """Return an Observation: a new one, or one that was written before, as it is or revised."""
        earlier = self.written and not form and self.random.random() < 0.4
        resource = self._revised(self.pick(self.written)) if earlier else self._new_observation(form)
        self.written.append(resource)
        return resource

    def _revised(self, earlier: Json) -> Json:
        """Return what a server might send of an Observation later: again, corrected, moved, taken back."""
        resource = copy.deepcopy(earlier)
        for _ in range(self.random.randint(0, 2)):
            change = self.pick(("status", "status", "values", "version", "time", "subject", "name"))
            new = self._new_observation("")
            if change == "status":
                resource["status"] = self.pick((*REVISIONS, *words.STATUSES))
            elif change == "values":
                resource |= {
                    name: new[name] for name in ("component", "valueQuantity") if name in new and name in earlier
                }
            elif change == "version":
                resource["meta"] = self._meta() or {"versionId": "2"}
            else:
                names = {"time": ("effectiveDateTime",), "subject": ("subject",), "name": ("id", "identifier")}[change]
                resource |= {name: new[name] for name in names if name in new}
        return resource

    def _new_observation(self, form: str) -> Json:
        """Return a panel, a half, a heart rate or something else, by whatever code."""
        form = form or self.pick(("panel",) * 10 + ("heart rate",) * 4 + ("systolic", "diastolic", "foreign"))
        resource = self._without_none(
            resourceType="Observation",
            id=self.pick(words.NAMES),
            identifier=self.identifiers() if self.random.random() < 0.2 else None,
            meta=self._meta(),
            status=self.either(self.pick(words.STATUSES), words.ODD_STATUSES),
            subject=self._subject(),
            device={"reference": "Device/cuff-7"} if self.random.random() < 0.2 else None,
            bodySite={"coding": [_coding(self.pick(words.SITES))]} if self.random.random() < 0.1 else None,
            focus=self.either(None, ([{"reference": "RelatedPerson/9"}], [], [{"reference": "Patient/anna"}])),
            modifierExtension=self.either(None, (words.MODIFIER, [])),
            implicitRules=self.either(None, ("https://ehr.example/rules", "")),
            contained=[self.patient() | {"id": "patient"}] if self.odd() else None,
        )
        return resource | self._effective() | self._content(form)

    def _meta(self) -> Json | None:
        if self.random.random() < 0.5:
            return None
        meta: Json = {"versionId": self.pick(words.VERSIONS[: 5 + 10 * self.odd()])}
        return meta | ({"lastUpdated": self.pick(words.CHANGES[: 2 + 16 * self.odd()])} if self.pick((0, 1)) else {})

    def _subject(self) -> Any:
        person = self.pick(words.PEOPLE)
        reference = self.pick((f"Patient/{person}",) * 6 + (f"{self.pick(words.SERVERS)}/Patient/{person}",))
        if self.odd():
            return self.pick(
                (
                    *({"reference": self.pick(words.URNS)}, {"reference": self.pick(words.ODD_REFERENCES)}) * 3,
                    *({"reference": person, "type": "Patient"}, {"reference": person}, None, person, [], {}),
                    {"reference": self.pick(words.ODD_REFERENCES), "identifier": self.identifiers()[0]},
                    {"identifier": self.identifiers()[0]},
                )
            )
        return {"reference": reference}

    def _effective(self) -> Json:
        if not self.odd():
            return {"effectiveDateTime": self._time()}
        border = self.pick(words.BORDERS)
        forms: tuple[Json, ...] = (
            *({"effectiveDateTime": border},) * 6,
            {"effectiveInstant": border},
            {"effectivePeriod": {"start": self._time(), "end": self.pick((border, self._time()))}},
            {"effectivePeriod": {"start": border}},
            {"effectiveDateTime": border, "effectiveInstant": border},
            {"effectiveTiming": {"event": [border]}},
            {},
        )
        return self.pick(forms)

    def _time(self) -> str:
        """Return one of a few instants near each other, spelt in any zone."""
        at = EPOCH + timedelta(microseconds=words.FIRST_NOON_US + self.pick(words.NEAR_US))
        zone = self.pick(words.ZONES)
        if zone == "Z":
            return f"{at:%Y-%m-%dT%H:%M:%S}Z"
        sign = -1 if zone[0] == "-" else 1
        local = at + sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[4:]))
        return f"{local:%Y-%m-%dT%H:%M:%S}{zone}"

    def _content(self, form: str) -> Json:
        systolic, diastolic = self.either(self.pick(words.PRESSURES[:4]), words.PRESSURES)
        if form == "systolic":
            return {"code": self.code_of(Meaning.SYSTOLIC)} | self._value(systolic, words.PRESSURE_UNITS)
        if form == "diastolic":
            return {"code": self.code_of(Meaning.DIASTOLIC)} | self._value(diastolic, words.PRESSURE_UNITS)
        if form == "heart rate":
            return {"code": self.code_of(Meaning.HEART_RATE)} | self._rate()
        if form == "foreign":
            return {"code": {"coding": [_coding(self.pick(words.FOREIGN_CODES))]}} | self._value(75, ("mm[Hg]",))
        components = [
            {"code": self.code_of(Meaning.SYSTOLIC)} | self._value(systolic, words.PRESSURE_UNITS),
            {"code": self.code_of(Meaning.DIASTOLIC)} | self._value(diastolic, words.PRESSURE_UNITS),
        ]
        if self.random.random() < 0.3:
            components.append({"code": self.code_of(Meaning.HEART_RATE)} | self._rate())
        if self.odd():
            components.append({"code": {"coding": [_coding(self.pick(words.FOREIGN_CODES))]}} | self._rate())
        self.random.shuffle(components)
        return {"code": self.code_of(Meaning.PANEL), "component": components[: self.either(4, (0, 1, 2))]}

    def code_of(self, meaning: Meaning) -> Json:
        """Return a concept with one of the codes of a meaning, and perhaps one of another or a foreign one."""
        codings = [self.pick(words.CODES[meaning]) if self.random.random() < 0.4 else words.CODES[meaning][0]]
        if self.odd():
            codings.append(self.pick((self.pick(words.CODES[self.pick(list(Meaning))]), *words.FOREIGN_CODES)))
            self.random.shuffle(codings)
        return {"coding": [_coding(coding) for coding in codings]}

    def _rate(self) -> Json:
        return self._value(self.either(self.pick(words.RATES[:2]), words.RATES), words.RATE_UNITS)

    def _value(self, number: Any, units: Sequence[str]) -> Json:
        unit = self.either(units[0], units)
        if unit == "kPa" and isinstance(number, int | float) and 0 < number < 1000:
            number = round(number / 7.50062, 1)
        quantity = self._without_none(
            value=number, unit=unit, code=unit, system=self.either(UCUM, words.QUANTITY_SYSTEMS)
        )
        if self.odd():
            quantity["comparator"] = self.pick(words.COMPARATORS)
        told: Json = {"valueQuantity": quantity}
        if not self.odd():
            return told
        absent: tuple[Json, ...] = (
            *(
                {"dataAbsentReason": words.ABSENT},
                told | {"dataAbsentReason": words.ABSENT},
                {},
                {"valueString": "128"},
            ),
            *({"valueSampledData": {"data": "128 82"}}, told | {"modifierExtension": words.MODIFIER}),
            {"valueQuantity": {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason"}]}},
        )
        return self.pick(absent)

    @staticmethod
    def _without_none(**elements: Any) -> Json:
        return {name: value for name, value in elements.items() if value is not None}


def _coding(coding: tuple[str, object]) -> Json:
    system, code = coding
    return {"system": system, "code": code}
