"""Webhooks to a real receiver: signed, known again, to named hosts alone; and what the receiver can check."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.channels.message import Undelivered
from alerts.channels.webhook import SIGNATURE, TOLERANCE, Webhook, fault_of, sign, verify
from conf.errors import UserError
from conf.ports import free_port
from conf.settings import Settings
from tests.support.http_server import Answering, serving
from tests.support.sources import ROOT
from tests.support.tellings import SECRET, message, recipient

SHARED = "w" * 40
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


class Receiver:
    """What a receiver has got, and what it answers."""

    def __init__(self) -> None:
        self.got: list[tuple[str, Mapping[str, str], bytes]] = []
        self.status, self.headers, self.url = 200, {}, ""  # type: int, dict[str, str], str

    def send(self, **changes: Any) -> None:
        given = {"channel": "webhook", "address": f"{self.url}/hook"} | changes
        Webhook(settings()).send(message(to=recipient(**given)))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()

    class Handler(Answering):
        def do_POST(self) -> None:  # noqa: N802 - the name that the server calls
            made.got.append((self.path, dict(self.headers), self.read()))
            self.send(made.status, headers=made.headers)

    with serving(Handler) as made.url:
        yield made


def settings(**changes: Any) -> Settings:
    given = {"webhook_hosts": "127.0.0.1,pager.example", "webhook_secret": SHARED, "secret_key": SECRET}
    return Settings(**{**given, **changes})


def test_what_arrives_is_signed_by_us(receiver: Receiver) -> None:
    receiver.send()
    ((path, headers, body),) = receiver.got

    assert path == "/hook"
    assert headers["Content-Type"] == "application/json"
    assert verify(SHARED.encode(), headers, body, datetime.now(UTC))


def test_what_is_sent_twice_has_the_same_key(receiver: Receiver) -> None:
    receiver.send()
    receiver.send()

    assert len({headers["Idempotency-Key"] for _, headers, _ in receiver.got}) == 1


def test_the_second_form_is_fhir(receiver: Receiver) -> None:
    receiver.send(form="fhir")
    ((_, headers, body),) = receiver.got

    assert headers["Content-Type"] == "application/fhir+json"
    assert b'"Communication"' in body


@pytest.mark.parametrize(
    ("status", "may_pass"),
    [(status, True) for status in (401, 404, 408, 425, 429, 500, 503)] + [(400, False), (410, False)],
)
def test_a_refusal_for_now_may_pass_and_one_for_good_not(receiver: Receiver, status: int, may_pass: bool) -> None:
    receiver.status = status
    with pytest.raises(Undelivered, match=str(status)) as caught:
        receiver.send()
    assert caught.value.may_pass is may_pass


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirection_is_followed(receiver: Receiver, status: int) -> None:
    receiver.status, receiver.headers = status, {"Location": f"{receiver.url}/elsewhere"}
    with pytest.raises(Undelivered) as caught:
        receiver.send()
    assert not caught.value.may_pass
    assert [path for path, _, _ in receiver.got] == ["/hook"]


def test_a_receiver_that_is_away_may_come_back(receiver: Receiver) -> None:
    with pytest.raises(Undelivered, match="cannot be reached") as caught:
        receiver.send(address=f"http://127.0.0.1:{free_port()}/")
    assert caught.value.may_pass


@pytest.mark.parametrize(
    "address",
    [
        "https://elsewhere.example/",
        "https://pager.example.evil.example/",
        "https://user:password@pager.example/",
        "http://pager.example/",
        "ftp://pager.example/",
        "https://10.0.0.1/",
        "pager.example",
        "",
    ],
)
def test_nothing_is_sent_to_an_address_that_is_not_named_and_encrypted(receiver: Receiver, address: str) -> None:
    with pytest.raises(Undelivered) as caught:
        receiver.send(address=address)
    assert not caught.value.may_pass


@pytest.mark.parametrize("address", ["https://pager.example/in", "https://PAGER.example:8443/in", "http://127.0.0.1/"])
def test_a_named_host_may_be_told(address: str) -> None:
    assert fault_of(address, frozenset({"pager.example", "127.0.0.1"})) is None


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"webhook_hosts": None}, "BP_WEBHOOK_HOSTS"),
        ({"webhook_secret": None}, "BP_WEBHOOK_SECRET"),
        ({"webhook_secret": "short"}, "BP_WEBHOOK_SECRET"),
        ({"secret_key": None}, "BP_SECRET_KEY"),
    ],
)
def test_settings_by_which_no_webhook_can_go_are_refused_with_the_remedy(changes: dict[str, Any], remedy: str) -> None:
    with pytest.raises(UserError, match=remedy):
        Webhook(settings(**changes))


def check(body: bytes = b"{}", secret: bytes = b"secret", after: timedelta = timedelta(0), header: str = "") -> bool:
    headers = {SIGNATURE: header or sign(b"secret", b"{}", NOW)}
    return verify(secret, headers, body, NOW + after)


def test_a_receiver_knows_what_we_have_signed() -> None:
    assert check()
    assert check(after=TOLERANCE)
    assert verify(b"secret", {SIGNATURE.lower(): sign(b"secret", b"{}", NOW)}, b"{}", NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"body": b"{ }"},
        {"secret": b"another"},
        {"after": TOLERANCE + timedelta(seconds=1)},
        {"after": -TOLERANCE - timedelta(seconds=1)},
        {"header": "t=1,v1="},
        {"header": f"t={round(NOW.timestamp()) + 1},{sign(b'secret', b'{}', NOW).partition(',')[2]}"},
        {"header": "v1=00"},
        {"header": "t=²,v1=é"},
        {"header": "t=" + "9" * 400},
        {"header": "nonsense"},
    ],
    ids=str,
)
def test_a_receiver_refuses_what_was_changed_or_overheard_or_is_nonsense(changes: dict[str, Any]) -> None:
    assert not check(**changes)


def test_a_receiver_refuses_what_is_not_signed() -> None:
    assert not verify(b"secret", {}, b"{}", NOW)


def test_the_example_in_the_documentation_is_right() -> None:
    text = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
    (header,) = re.findall(rf"^{SIGNATURE}: (t=(\d+),v1=[0-9a-f]+)$", text, re.MULTILINE)
    at = datetime.fromtimestamp(int(header[1]), UTC)

    assert verify(b"an example, not a secret", {SIGNATURE: header[0]}, b"{}", at)
