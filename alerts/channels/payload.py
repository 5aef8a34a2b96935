"""A message as JSON, the same for webhooks and for Kafka; its fields are those of ``payload.schema.json``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from alerts.channels.disclosing import Told
from alerts.channels.message import Language, Message
from alerts.channels.wording import Words

VERSION: Final = 1  # of the schema; grows when a field changes its meaning or goes


class ToldInWords(Told, frozen=True, kw_only=True, omit_defaults=True):
    """An alert with the line that people read."""

    text: str


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """What a program gets of a message."""

    version: int
    key: str
    at: datetime
    recipient: str
    language: Language
    text: str
    alerts: tuple[ToldInWords, ...]


def encode(message: Message, key: str, told: Sequence[Told], words: Words) -> bytes:
    """Return some tellings of a message as JSON, under a key that tells a second copy of it."""
    return msgspec.json.encode(
        Payload(
            version=VERSION,
            key=key,
            at=message.at,
            recipient=message.recipient.name,
            language=words.language,
            text=words.subject(told),
            alerts=tuple(ToldInWords(text=words.line(each), **msgspec.structs.asdict(each)) for each in told),
        )
    )
