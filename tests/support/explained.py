"""A stream of one patient without Spark: the real parser, store, window state and score, message by message."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pyarrow as pa
from elasticsearch import Elasticsearch

from conf.settings import Settings
from elastic.names import OBSERVATIONS
from fhir.readings import IntakeRules
from jobs.explaining.case import Case, make_case
from jobs.streaming.predictions import score
from jobs.streaming.source import Message
from jobs.streaming.store import IngestBatch
from jobs.streaming.window_state import STATE_LENGTH, pack_messages, unpack_state
from jobs.streaming.windows import build_windows
from ml.prediction import Bundle, Predictor
from tests.support.bundles import make_bundle
from tests.support.factories import observation
from tests.support.fake_elasticsearch import FakeElasticsearch
from tests.support.ingesting import store_batch
from tests.support.messages import message

BEGIN = datetime(2026, 3, 1, 1, 0, tzinfo=UTC)
STORED_AT = "2026-03-01T12:00:00.000Z"
ZONE = "Europe/Paris"


@dataclass
class OnePatient:
    """What was sent so far; `predict` scores it as the stream would, `case` is what is stored of it."""

    fake: FakeElasticsearch
    client: Elasticsearch
    settings: Settings
    bundle: Bundle = field(default_factory=make_bundle)
    messages: list[Message] = field(default_factory=list)

    def send(self, minute: float, systolic: float = 130, **changes: Any) -> None:
        """Send a reading so many minutes after `BEGIN`, or what else is said of it, and store it."""
        more = {"id": f"bp-{minute}", "effectiveDateTime": (BEGIN + timedelta(minutes=minute)).isoformat()}
        self.resend(observation(systolic=systolic, **(more | changes)))

    def resend(self, resource: Any) -> None:
        """Send any resource and store it."""
        made = message(resource, offset=10 + len(self.messages))
        self.messages.append(made)
        store_batch(self.client, [made], IngestBatch(self.settings, IntakeRules(), len(self.messages), STORED_AT))

    def day(self, readings: int = 12) -> None:
        """Send readings every 15 minutes, some with a heart rate."""
        for number in range(readings):
            self.send(15 * number, 120 + 7 * (number % 5), heart_rate=70 + number if number % 3 else None)

    def predict(self, *, of_last: int | None = None, zone: str = ZONE) -> dict[str, Any]:
        """Return the prediction that the stream stores now, of all messages or of the last ones alone."""
        packed = pack_messages(self.messages[-of_last if of_last else None :])
        newest_first = packed.sort_by([("state_order", "descending")]).slice(0, STATE_LENGTH)
        lists = pa.array([newest_first.column("entry").to_pylist()], pa.list_(pa.binary()))
        state = pa.RecordBatch.from_arrays([pa.array(["p-1"]), lists], names=["patient_id", "entries"])
        patient_ids, statements, patients = unpack_state(state)
        windows = build_windows(statements, patients)
        (scored,), _ = score(windows, patient_ids, Predictor(self.bundle), STORED_AT, ZoneInfo(zone))
        told: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(scored.prediction))
        return told

    def case(self, prediction: dict[str, Any], zone: str = ZONE) -> Case:
        """Return the case of a prediction with the observations as they are stored now."""
        stored = self.fake.stored(OBSERVATIONS).values()
        return make_case(prediction, [one for one in stored if one["@timestamp"] <= prediction["@timestamp"]], zone)
