"""E-mail over SMTP: text and HTML of equal content, one mail a message.

A mail that is sent twice has the same Message-ID, which most servers and programs fold into one. All mails about an
alert refer to one id that is derived from it, so that they stand in one thread.
"""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from alerts.channels.disclosing import Disclosing, Told, latest
from alerts.channels.message import Language, Message, Undelivered
from alerts.channels.wording import MOST_CARDS, Worded, Words, catalogue
from conf.errors import UserError
from conf.ports import is_loopback
from conf.settings import Settings

TEMPLATES: Final = Path(__file__).parent / "templates"
TIMEOUT_S: Final = 15.0
FOR_GOOD: Final = 500  # answers from here on are refusals for good (RFC 5321, 4.2.1)


class Mail:
    """Sends mails through the server of the settings."""

    def __init__(self, settings: Settings) -> None:
        """Raise `UserError` where no mail can be sent by the settings."""
        if not (settings.smtp_host and settings.smtp_from):
            raise UserError("No mail can be sent. Set BP_SMTP_HOST and BP_SMTP_FROM, or take mail out of the rules.")
        if settings.smtp_security == "none" and not is_loopback(settings.smtp_host):
            raise UserError(
                f"Mail to {settings.smtp_host} would pass the network in clear text. "
                "Set BP_SMTP_SECURITY to starttls or tls; none is for a server on this machine."
            )
        self._settings, self._host, self._sender = settings, settings.smtp_host, settings.smtp_from
        self._disclosing = Disclosing(settings)

    def send(self, message: Message) -> None:
        """Return when the server has taken the mail; raise `Undelivered`."""
        told = self._disclosing.told(message)
        words = Words(message.recipient.language, self._settings.zone).message(told)
        mail = compose(words, self._sender, message.recipient.address, message.at)
        identify(mail, self._sender.partition("@")[2], self._disclosing.alias(message.key), told)
        try:
            with contextlib.closing(self._connect()) as server:
                server.send_message(mail)
                with contextlib.suppress(smtplib.SMTPException, OSError):
                    server.quit()  # the mail is taken, however the farewell goes
        except (smtplib.SMTPException, OSError) as error:
            raise _undelivered(error, self._host) from error

    def _connect(self) -> smtplib.SMTP:
        """Return a connection that is encrypted and signed in as the settings say."""
        settings, context = self._settings, ssl.create_default_context()
        if settings.smtp_security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(self._host, settings.smtp_port, timeout=TIMEOUT_S, context=context)
        else:
            server = smtplib.SMTP(self._host, settings.smtp_port, timeout=TIMEOUT_S)
        try:
            if settings.smtp_security == "starttls":
                server.starttls(context=context)
            if settings.smtp_user and settings.smtp_password:
                server.login(settings.smtp_user, settings.smtp_password.get_secret_value())
        except BaseException:
            server.close()
            raise
        return server


def compose(words: Worded, sender: str, address: str, at: datetime) -> EmailMessage:
    """Return a mail with what a message says, as text and as HTML."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, address, words.subject
    mail["Date"], mail["Content-Language"] = format_datetime(at), words.language
    mail["Auto-Submitted"] = "auto-generated"  # so that nobody's notice of absence answers it (RFC 3834)
    if any(card.level == "CRITICAL" for card in words.cards):
        mail["X-Priority"], mail["Importance"] = "1", "high"
    environment = _templates(words.language)
    mail.set_content(environment.get_template("mail.txt").render(message=words))
    mail.add_alternative(environment.get_template("mail.html").render(message=words), subtype="html")
    return mail


def identify(mail: EmailMessage, domain: str, key: str, told: Sequence[Told]) -> None:
    """Give a mail the ids by which others know a second copy of it, and to which thread it belongs."""
    mail["Message-ID"] = f"<{key}@{domain}>"
    mail["Idempotency-Key"] = key
    mail["References"] = " ".join(f"<alert.{each.alert}@{domain}>" for each in latest(told)[:MOST_CARDS])


@cache
def _templates(language: Language) -> Environment:
    """Return the templates of mails in a language; HTML alone is escaped."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.install_gettext_translations(catalogue(language))  # type: ignore[attr-defined]
    return environment


def _undelivered(error: Exception, host: str) -> Undelivered:
    """Say why a mail was not taken; what the server has refused for good is not tried again.

    A password that is refused is: it is somebody's setting, which is mended while the mail waits.
    """
    answer: bytes | str
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        ((code, answer),) = error.recipients.values()
    elif isinstance(error, smtplib.SMTPResponseException):
        code, answer = error.smtp_code, error.smtp_error
    else:
        return Undelivered(f"The mail server {host} cannot be reached: {error}.", may_pass=True)
    said = answer.decode(errors="replace") if isinstance(answer, bytes) else answer
    may_pass = code < FOR_GOOD or isinstance(error, smtplib.SMTPAuthenticationError)
    return Undelivered(f"The mail server {host} answered {code} {said}.", may_pass)
