"""A ward on the real pipeline in which what was once found on the site is done again, and how its screens are read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from kafka import KafkaProducer
from pyspark.sql import SparkSession

from alerts.__main__ import SEARCH_TIMEOUT_S
from alerts.__main__ import run as keep_alerts
from alerts.lookout import Lookout
from alerts.rules import load_rules
from alerts.service import Service
from elastic.client import Search
from elastic.names import ALL_INDICES
from embedded.services import Addresses
from tests.integration.pipeline import Pipeline, build_settings, delete_documents, publish_model
from tests.support.factories import observation, payload
from tests.unit.webapp.site import Browser, Site, make_site
from webapp.patient_ids import spell

MINUS = "\N{MINUS SIGN}"
ROW = re.compile(r'<li class="(?:row|tile) .*?</li>', re.DOTALL)
TREND = re.compile(f"(steady|[+{MINUS}-]\\d+(?= mmHg))")


class Sent(NamedTuple):
    """A message: whose, and how far ahead of the clock Kafka's own time of it is."""

    patient_id: str
    message: bytes
    ahead: timedelta = timedelta(0)


@dataclass(frozen=True)
class Shown:
    """A row or a tile as a screen shows it."""

    html: str

    @property
    def patient_id(self) -> str:
        """Return the id that is shown."""
        return self.mark("row")

    @property
    def text(self) -> str:
        """Return what can be read."""
        return words(self.html)

    def mark(self, name: str) -> str:
        """Return what stands in ``data-<name>``."""
        found = re.search(rf'data-{name}="([^"]*)"', self.html)
        return found[1] if found else ""


def words(html: str) -> str:
    """Return the text of some HTML."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


class Ward:
    """A pipeline with its alert service and its site, all of them the real ones; its readings count from `begun`."""

    def __init__(self, services: Addresses, spark: SparkSession, folder: Path, **changes: Any) -> None:
        settings = build_settings(services, folder, **changes)
        publish_model(settings.model_dir)
        self.pipeline = Pipeline(settings, spark)
        delete_documents(self.pipeline.client)
        self.site: Site = make_site(folder, **settings.model_dump(exclude_unset=True))
        self.begun = datetime.now(UTC).replace(microsecond=0)
        self.site.clock.now = datetime.now(UTC)
        self.nurse: Browser = self.site.signed_in("clinician", name="anne")

    def reading(
        self, patient_id: str, minutes_ago: float, systolic: float, diastolic: float, name: str = "", **more: Any
    ) -> Sent:
        """Return a reading; of two of one instant, each has a `name`."""
        ahead = more.pop("kafka_ahead", timedelta(0))
        at = self.begun - timedelta(minutes=minutes_ago)
        told = {
            "id": f"{patient_id}-{minutes_ago:g}{name}",
            "subject": {"reference": f"Patient/{patient_id}"},
            "effectiveDateTime": at.isoformat(),
        }
        return Sent(patient_id, payload(observation(systolic=systolic, diastolic=diastolic, **(told | more))), ahead)

    @property
    def just_now(self) -> float:
        """Return how many minutes ago now is, by the time that readings count from."""
        return (self.begun - datetime.now(UTC)) / timedelta(minutes=1)

    def send(self, messages: Iterable[Sent]) -> None:
        """Send messages in this order."""
        settings = self.pipeline.settings
        with KafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers) as producer:
            for patient_id, message, ahead in messages:
                at_ms = int((datetime.now(UTC) + ahead).timestamp() * 1000)
                producer.send(settings.kafka_topic, message, key=patient_id.encode(), timestamp_ms=at_ms)

    def arrive(self, messages: Iterable[Sent]) -> None:
        """Send messages, let the stream work them off and the alert service see to what that has changed."""
        self.send(messages)
        self.pipeline.drain()
        self.keep_alerts()

    def keep_alerts(self) -> None:
        """Let the alert service do what there is to do; the site's clock shows what it is after that."""
        self.pipeline.client.indices.refresh(index=ALL_INDICES)
        keep_alerts(self.pipeline.settings, once=True)
        self.pipeline.client.indices.refresh(index=ALL_INDICES)
        self.site.clock.now = datetime.now(UTC)

    def pass_by(self, span: timedelta) -> None:
        """Let time pass in which nothing comes, for the alert service and for the site."""
        settings, rules = self.pipeline.settings, load_rules()
        search = Search(self.pipeline.client, SEARCH_TIMEOUT_S)
        service = Service(search, rules, Lookout(search, rules, settings))
        service.start(None, datetime.now(UTC))
        while service.turn(datetime.now(UTC) + span) or service.is_behind:
            pass
        self.pipeline.client.indices.refresh(index=ALL_INDICES)
        self.site.clock.now = datetime.now(UTC) + span

    def get(self, path: str) -> str:
        """Return a page."""
        answer = self.nurse.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        return answer.get_data(as_text=True)

    def rows(self, query: str = "") -> dict[str, Shown]:
        """Return the rows of the board, or the tiles of a wall (``?kiosk=1``), in their order."""
        rows = map(Shown, ROW.findall(self.get(f"/board/rows{query}")))
        return {row.patient_id: row for row in rows}

    def row(self, patient_id: str) -> Shown:
        """Return a patient's row on the board as it is when it opens."""
        return self.rows()[patient_id]

    def page(self, patient_id: str) -> str:
        """Return the text of a patient's page."""
        return words(self.get(f"/patients/{spell(patient_id)}").partition("<main")[2])

    def api(self, path: str) -> Any:
        """Return what the API answers."""
        answer = self.nurse.get(f"/api/v1/{path}", page=False)
        assert answer.status_code == 200, (path, answer.get_data(as_text=True))
        return answer.get_json(force=True)

    def section(self, urgency: str) -> dict[str, Any]:
        """Return a section of the board as the API gives it."""
        return next(section for section in self.api("board")["sections"] if section["urgency"] == urgency)

    def alerts(self, patient_id: str, status: str = "") -> list[dict[str, Any]]:
        """Return a patient's alerts out of the API's list of open ones, or of those of a status."""
        query = f"alerts?limit=200&status={status}" if status else "alerts?limit=200"
        return [alert for alert in self.api(query)["items"] if alert["patient_id"] == patient_id]

    def acknowledge(self, patient_id: str) -> None:
        """Answer all open alerts of a patient in the form of the board."""
        form = self.get(f"/acknowledge?patient_id={patient_id}")
        ids = re.findall(r'name="alert_id" value="([^"]+)"', form)
        fields = {"patient_id": patient_id, "alert_id": ids, "act": "acknowledge", "reason": "seen", "pause": "30"}
        answer = self.nurse.post("/acknowledge", {**fields, "note": ""}, headers={"Accept": "application/json"})
        assert answer.status_code == 200, answer.get_data(as_text=True)


def trend_in(text: str) -> str:
    """Return the trend that a text tells: "steady", a signed number of mmHg in 30 minutes, or "" while withheld."""
    found = TREND.search(text)
    return found[1].replace(MINUS, "-") if found else ""
