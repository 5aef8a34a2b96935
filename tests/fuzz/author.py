"""The author of the fuzz: writes whole feeds of FHIR messages, most of them nearly right, from one source of chance.

The source is a seeded `random.Random`, so that an example is known by its number, and 200,000 take minutes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from fhir.codes import Meaning
from fhir.readings import IntakeRules
from tests.fuzz import words
from tests.fuzz.damage import damaged_bytes, damaged_tree
from tests.fuzz.observations import Json, Observer

MOST_RECORDS = 6
DEEPEST = 10  # Bundles in Bundles; the intake reads eight


class Record(NamedTuple):
    """A Kafka record; its offset is its place in its partition."""

    payload: bytes | None
    received_us: int
    partition: int = 0


class Feed(NamedTuple):
    """What arrives, and one way to cut it into micro-batches: the length of each, and how often it is run."""

    records: tuple[Record, ...]
    cuts: tuple[tuple[int, int], ...]
    rules: IntakeRules


class Author(Observer):
    """Writes one feed."""

    def feed(self, corpus: Sequence[bytes] = ()) -> Feed:
        """Return what arrives, with now and then a damaged example of the corpus in it."""
        records = tuple(self._record(corpus) for _ in range(self.random.randint(1, MOST_RECORDS)))
        cuts, left = [], len(records)
        while left:
            cuts.append((self.random.randint(1, left), self.pick((1, 1, 1, 2))))
            left -= cuts[-1][0]
        max_age_days, key = (0, "source") if self.odd() else (400, "id")
        return Feed(records, tuple(cuts), IntakeRules(max_age_days, key))  # type: ignore[arg-type]

    def _record(self, corpus: Sequence[bytes]) -> Record:
        payload: bytes | None
        form = self.pick(("one",) * 12 + ("Bundle",) * 6 + ("lines", "lines", "damaged", "damaged", "by id"))
        if form == "by id":
            return Record(self._encoded(self._retraction_by_id()), words.NOW_US, self.pick((0, 1)))
        if form == "damaged" and corpus:
            payload = self.pick(corpus)
            payload = self.pick((damaged_bytes(self.random, payload, corpus), payload))
        elif form == "lines":
            payload = b"\n".join(self._encoded(self._resource(0)) for _ in range(self.random.randint(1, 4)))
        else:
            payload = self._encoded(self.bundle(0) if form == "Bundle" else self.observation())
            payload = self.either(payload, (None, b"", damaged_bytes(self.random, payload, [payload])))
        return Record(payload, self.either(words.NOW_US, words.RECORD_TIMES_US))

    def _encoded(self, resource: Any) -> bytes:
        if self.odd():
            resource = damaged_tree(self.random, resource)
        return json.dumps(resource, ensure_ascii=self.random.random() < 0.5).encode("utf-8", "surrogatepass")

    def _resource(self, depth: int) -> Any:
        kinds = ("Observation",) * 7 + ("Bundle", "Patient")
        kind = self.pick(kinds)
        if kind == "Bundle" and depth < DEEPEST:
            return self.bundle(depth + 1)
        return self.patient() if kind == "Patient" else self.observation()

    def bundle(self, depth: int) -> Json:
        """Return a Bundle of any type, with the requests and responses of its entries; perhaps with Bundles in it."""
        kind = self.pick(words.BUNDLES)
        if self.odd() and self.odd():  # nested to the limit and beyond
            inner: Any = self.observation()
            for _ in range(self.random.randint(1, DEEPEST)):
                inner = {"resourceType": "Bundle", "type": kind, "entry": [{"resource": inner}]}
            return inner  # type: ignore[no-any-return]
        entries: list[Any] = [self._entry(kind, depth) for _ in range(self.random.randint(0, 4))]
        if self.random.random() < 0.2:
            entries += [{"resource": half} for half in self._pair()]
        if kind in ("transaction", "batch") and self.random.random() < 0.4:
            entries += self._new_person()
        if entries and self.odd():
            entries.append(self.pick((None, [], {}, "entry", entries[0])))
        empty: tuple[Any, ...] = ([], None, {})
        return {"resourceType": "Bundle", "type": kind, "entry": entries or self.pick(empty)}

    def _entry(self, kind: Any, depth: int) -> Json:
        resource = self._resource(depth)
        is_history = kind == "history"
        entry: Json = {"resource": resource}
        if is_history or self.random.random() < 0.3:
            entry["fullUrl"] = self.pick((*words.URNS, f"{words.SERVERS[0]}/Patient/{self.pick(words.PEOPLE)}"))
        if is_history or kind in ("transaction", "batch") or self.odd():
            entry["request"] = self._request(resource)
        if is_history or str(kind).endswith(("response", "notification")) or self.odd():
            status = {"status": self.pick(("200", "201 Created")), "etag": self.pick(words.ETAGS)}
            entry["response"] = status | {"lastModified": self.pick(words.CHANGES)}
        if is_history and self.random.random() < 0.2:
            entry.pop("resource")
            entry["request"] = {"method": "DELETE", "url": f"Observation/{self.pick(words.NAMES)}"}
        return entry

    def _request(self, resource: Any) -> Json:
        type_, id_ = (resource.get("resourceType"), resource.get("id")) if isinstance(resource, dict) else (None, None)
        method = self.pick(words.METHODS) if self.odd() else "POST" if id_ is None else self.pick(("POST", "PUT"))
        system, value = self.pick(words.IDENTIFIERS)
        condition = f"identifier={system}|{value}"
        url = f"{type_}/{id_}" if method == "PUT" else type_
        request: Json = {"method": method, "url": self.either(url, (f"{type_}?{condition}", None, 7))}
        if type_ == "Patient" and method == "POST" and self.random.random() < 0.5:
            request["ifNoneExist"] = condition
        return request

    def _retraction_by_id(self) -> Json:
        """Return a retraction that names nothing but an Observation, so that no key leads it to a partition."""
        names = [earlier["id"] for earlier in self.written if earlier.get("id")]
        name = self.pick(names or words.NAMES[:4])
        resource = {"resourceType": "Observation", "id": name, "status": "entered-in-error"}
        return resource | {"code": self.code_of(self.pick((Meaning.PANEL, Meaning.SYSTOLIC, Meaning.DIASTOLIC)))}

    def _pair(self) -> list[Json]:
        """Return a systolic and a diastolic of one person, taken at once or nearly so."""
        systolic, diastolic = self.observation("systolic"), self.observation("diastolic")
        diastolic["subject"] = systolic.get("subject")
        if self.random.random() < 0.7:
            diastolic["effectiveDateTime"] = systolic.get("effectiveDateTime")
        return self.pick(([systolic, diastolic], [diastolic, systolic]))

    def _new_person(self) -> list[Json]:
        """Return a Patient whom the server is to make, under a temporary id, and an Observation of that person."""
        patient, observation = self.patient() | {"id": self.pick(words.PEOPLE)}, self.observation("panel")
        observation["subject"] = {"reference": f"Patient/{patient['id']}"}
        made = {"resource": patient, "request": {"method": "POST", "url": "Patient"}}
        return [made, {"resource": observation, "request": {"method": "POST", "url": "Observation"}}]
