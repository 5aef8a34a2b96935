"""Mails over a real SMTP server: how they are sent, how they are known again, and what becomes of refusals."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from alerts.channels.mail import Mail
from alerts.channels.message import Undelivered
from conf.errors import UserError
from conf.ports import free_port
from conf.settings import Settings
from deploy import certificates
from tests.support.smtp_server import MailServer, mail_server
from tests.support.tellings import LINK, SECRET, burst, measured, message, outage, predicted, recipient, telling

LOGIN = ("alerts", "a password")


def settings(server: MailServer, security: str = "none", **changes: Any) -> Settings:
    given: dict[str, Any] = {
        "smtp_host": "127.0.0.1",
        "smtp_port": server.port,
        "smtp_security": security,
        "smtp_from": "alerts@hospital.example",
        "secret_key": SECRET,
    }
    return Settings(**{**given, **changes})


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an authority and a certificate for 127.0.0.1, its key beside it."""
    folder = tmp_path_factory.mktemp("certificates")
    certificates.make_missing(folder, certificates.names_of({}))
    return folder / "site.crt"


def sent(server: MailServer, *told: Any, **changes: Any) -> EmailMessage:
    Mail(settings(server)).send(message(list(told) or None, **changes))
    return server.mails[-1]


def test_a_mail_has_text_and_html_and_goes_to_its_recipient(server: MailServer) -> None:
    mail = sent(server)

    assert mail["To"] == "anne@hospital.example"
    assert mail["From"] == "alerts@hospital.example"
    assert mail["Subject"] == "CRITICAL: Measured crisis, patient P-0412"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


def test_text_and_html_say_the_same(server: MailServer) -> None:
    mail = sent(server, *burst(3), telling(predicted(), step=1))
    text, html = (part.get_content() for part in mail.iter_parts())

    for line in filter(None, text.splitlines()):
        said = line.removeprefix("Acknowledge: ").split(" \N{EN DASH} ")
        assert all(part in html for part in said), line
    assert text.count(LINK) == html.count(LINK) == 4


def test_no_answering_machine_answers_and_a_critical_one_is_marked(server: MailServer) -> None:
    critical, high = sent(server), sent(server, telling(measured() | {"level": "HIGH"}))

    assert critical["Auto-Submitted"] == high["Auto-Submitted"] == "auto-generated"
    assert (critical["X-Priority"], high["X-Priority"]) == ("1", None)


def test_a_mail_that_is_sent_twice_has_the_same_id_and_another_one_has_not(server: MailServer) -> None:
    first, again, reminder = sent(server), sent(server), sent(server, telling(repeat=1))

    assert first["Message-ID"] == again["Message-ID"] != reminder["Message-ID"]
    assert first["Idempotency-Key"] == again["Idempotency-Key"]
    assert first["Message-ID"].endswith("@hospital.example>")


def test_mails_about_an_alert_are_one_thread(server: MailServer) -> None:
    first, reminder, other = sent(server), sent(server, telling(repeat=1)), sent(server, telling(predicted()))

    assert first["References"] == reminder["References"] != other["References"]


def test_no_header_tells_whose_alert_it_is(server: MailServer) -> None:
    mail = sent(server, to=recipient(discloses=frozenset()))

    assert "P-0412" not in str(mail)


@pytest.mark.parametrize("id_", ["P-1\r\nBcc: all@example.org", "P-1\nSubject: no", "P-1\x00\x1b", "<script>", "é😀"])
def test_an_id_of_a_patient_changes_no_header_and_no_page(server: MailServer, id_: str) -> None:
    mail = sent(server, telling(measured(id_)))
    html = mail.get_body(("html",)).get_content()  # type: ignore[union-attr]

    assert set(mail.keys()) == set(sent(server).keys())
    assert "\n" not in mail["Subject"]
    assert "<script>" not in html


@pytest.mark.parametrize(
    ("answer", "may_pass"), [("451 try later", True), ("421 busy", True), ("554 spam", False), ("552 too much", False)]
)
def test_what_is_refused_for_now_may_pass_and_what_is_refused_for_good_not(
    server: MailServer, answer: str, may_pass: bool
) -> None:
    for refusal in ("refusal", "recipient_refusal"):
        setattr(server, refusal, answer)
        with pytest.raises(Undelivered, match=answer) as caught:
            sent(server)
        assert caught.value.may_pass is may_pass
        setattr(server, refusal, "")
    assert server.mails == []


def test_a_server_that_is_away_may_come_back() -> None:
    with pytest.raises(Undelivered, match="cannot be reached") as caught:
        Mail(settings(MailServer(port=free_port()))).send(message())
    assert caught.value.may_pass


def test_a_mail_that_was_taken_counts_whatever_the_farewell(server: MailServer) -> None:
    server.farewell = "500 what"
    assert sent(server) in server.mails


@pytest.mark.parametrize(("security", "is_tls"), [("starttls", False), ("tls", True)])
def test_mail_goes_encrypted_and_signed_in(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, security: str, is_tls: bool
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.with_name("ca.crt")))
    with mail_server(certificate, is_tls=is_tls) as server:
        server.login = LOGIN
        user, password = LOGIN
        Mail(settings(server, security, smtp_user=user, smtp_password=password)).send(message())
        with pytest.raises(Undelivered, match="535") as caught:
            Mail(settings(server, security, smtp_user=user, smtp_password="another")).send(message())

    assert server.was_encrypted == [True]
    assert caught.value.may_pass  # once somebody has mended the setting


@pytest.mark.parametrize(("security", "is_tls"), [("starttls", False), ("tls", True)])
def test_nothing_is_sent_to_a_server_that_nobody_vouches_for(certificate: Path, security: str, is_tls: bool) -> None:
    with mail_server(certificate, is_tls=is_tls) as server, pytest.raises(Undelivered, match="cannot be reached"):
        Mail(settings(server, security)).send(message())
    assert server.mails == []


def test_nothing_is_sent_in_clear_text_where_encryption_is_asked_for(server: MailServer) -> None:
    with pytest.raises(Undelivered, match="STARTTLS"):
        Mail(settings(server, "starttls")).send(message())
    assert server.mails == []


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"smtp_host": None}, "BP_SMTP_HOST"),
        ({"smtp_from": None}, "BP_SMTP_FROM"),
        ({"smtp_host": "mail.hospital.example"}, "BP_SMTP_SECURITY"),
        ({"secret_key": None}, "BP_SECRET_KEY"),
    ],
)
def test_settings_by_which_no_mail_can_go_are_refused_with_the_remedy(changes: dict[str, Any], remedy: str) -> None:
    with pytest.raises(UserError, match=remedy):
        Mail(settings(MailServer(port=25), **changes))


def test_an_outage_is_told_by_the_name_of_its_part(server: MailServer) -> None:
    assert "stream-ingest" in sent(server, telling(outage()))["Subject"]
