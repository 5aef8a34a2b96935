"""From what is stored to a mail, from the link in the mail to the answer, and from then on silence: all real."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from conf.retry import wait_until
from conf.settings import Settings
from conf.times import iso
from elastic.bulk import write
from elastic.client import connect, refresh
from elastic.names import ALL_INDICES, LATEST, OBSERVATIONS, PREDICTIONS
from elastic.schema import put_templates
from embedded.services import Addresses
from tests.integration.notified import alert_service, ways, write_rules
from tests.integration.pipeline import delete_documents
from tests.support.smtp_server import MailServer, mail_server
from tests.support.ward import prediction, reading, writing
from webapp.factory import create_app

pytestmark = pytest.mark.integration

SITE = "https://alerts.hospital.example"
REMINDED_EVERY_S = 2.0
WITHIN_S = 5.0  # an answer stops everything
READINGS = {"P-1": (204, 121), "P-2": (171, 99)}
PRESSED = {"Sec-Fetch-Site": "same-origin"}


class Ward:
    """A patient in crisis, another at risk, a nurse who is reminded every other second, a doctor, and the site."""

    def __init__(self, addresses: Addresses, folder: Path, mails: MailServer) -> None:
        self.mails = mails
        self.settings = Settings(
            elasticsearch_url=addresses.elasticsearch_url,
            local_dir=folder,
            alert_rules=folder / "alerts.yaml",
            trusted_hosts="alerts.hospital.example",
            **ways(mails),
        )
        write_rules(self.settings.alert_rules, notifications())
        client = connect(self.settings)
        delete_documents(client)
        put_templates(client)
        now = datetime.now(UTC)
        crisis, rising = (reading(id_, now, *at) | {"ingested_at": iso(now)} for id_, at in READINGS.items())
        risk = prediction(rising, 0.7) | {"scored_at": iso(now)}
        stored = [(OBSERVATIONS, crisis), (OBSERVATIONS, rising), (PREDICTIONS, risk), (LATEST, risk)]
        write(client, [writing(family, document) for family, document in stored])
        refresh(client, ALL_INDICES)
        self._browser: FlaskClient = create_app(self.settings).test_client()

    def ask(self, method: str, link: str) -> TestResponse:
        return self._browser.open(link.removeprefix(SITE), base_url=SITE, method=method, headers=PRESSED)

    def mails_to(self, name: str, least: int = 0) -> list[EmailMessage]:
        """Return the mails to somebody, once there are so many."""

        def found() -> list[EmailMessage]:
            return [mail for mail in self.mails.mails if mail["To"] == f"{name}@hospital.example"]

        assert wait_until(lambda: len(found()) >= least, 30, 0.05)
        return found()


def notifications() -> dict[str, Any]:
    step = {"after_minutes": 0, "tell": ["nurse"], "remind_every_minutes": REMINDED_EVERY_S / 60, "reminders": 50}
    return {
        "site_url": SITE,
        "group_minutes": 0,
        "recipients": {
            "nurse": {"mail": "nurse@hospital.example", "language": "en"},
            "doctor": {"mail": "doctor@hospital.example", "language": "en", "discloses": ["id", "values"]},
        },
        "routes": [
            {"kinds": ["measured"], "chain": [step]},
            {"kinds": ["predicted"], "chain": [{"after_minutes": 0, "tell": ["doctor"]}]},
        ],
    }


def text_of(mail: EmailMessage) -> str:
    text = mail.get_body(("plain",))
    assert text
    return str(text.get_content())


def link_in(mail: EmailMessage) -> str:
    (found,) = re.findall(rf"{SITE}/answer/\S+", text_of(mail))
    return str(found)


@pytest.fixture
def ward(services: Addresses, tmp_path: Path) -> Iterator[Ward]:
    with mail_server() as mails:
        yield Ward(services, tmp_path, mails)


def test_the_link_in_a_mail_stops_the_mails_within_seconds_and_a_look_at_it_does_not(ward: Ward) -> None:
    with alert_service(ward.settings):
        link = link_in(ward.mails_to("nurse", 1)[0])
        looked = ward.ask("GET", link)
        third = ward.mails_to("nurse", 3)[2]
        pressed = ward.ask("POST", link)
        time.sleep(WITHIN_S)
        number = len(ward.mails_to("nurse"))
        time.sleep(2 * REMINDED_EVERY_S)
        again = ward.ask("POST", link_in(third))

    assert (looked.status_code, pressed.status_code, again.status_code) == (200, 200, 409)
    assert "Acknowledged." in pressed.text
    assert "Already acknowledged by nurse (link)" in again.text
    assert len(ward.mails_to("nurse")) == number
    assert not any("P-1" in str(mail) for mail in ward.mails_to("nurse"))


def test_a_predicted_risk_is_told_with_what_raises_it(ward: Ward) -> None:
    with alert_service(ward.settings):
        (mail,) = ward.mails_to("doctor", 1)

    assert mail["Subject"] == "CRITICAL: Predicted risk, patient P-2"
    assert "What raises the 6 h risk most: systolic pressure of the newest reading (171 mmHg)." in text_of(mail)
