"""Texts of the site: message ids are English, French is a catalogue; and how times and ages are written.

All ``translations/<language>/*.po`` are merged and compiled in memory at start; English needs none.
"""

from __future__ import annotations

import io
from datetime import datetime
from functools import cache
from gettext import NullTranslations
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations
from flask import Flask, g, has_request_context, request

from webapp.percent import whole_percent
from webapp.security.current import principal_or_none
from webapp.services import services

LANGUAGES: Final = {"fr": "Français", "en": "English"}
SOURCE_LANGUAGE: Final = "en"
FOLDER: Final = Path(__file__).parent / "translations"
NO_VALUE: Final = "\N{EN DASH}"
PATTERNS: Final = {"fr": "d MMM HH:mm", "en": "d MMM HH:mm"}
LONG_PATTERNS: Final = {"fr": "d MMMM y 'à' HH:mm:ss", "en": "d MMMM y, HH:mm:ss"}


def install(app: Flask) -> None:
    """Give the templates ``_``, ``ngettext``, the language, and the filters ``when when_long age percent``."""
    app.jinja_env.add_extension("jinja2.ext.i18n")
    # old style: the new one would read every "%" of a text without values as the start of a placeholder
    app.jinja_env.install_gettext_callables(gettext, ngettext, newstyle=False)  # type: ignore[attr-defined]
    app.jinja_env.filters.update(when=when, when_long=when_long, age=age, percent=percent)
    app.context_processor(lambda: {"language": language(), "languages": LANGUAGES})


def language() -> str:
    """The language of this request: the user's, before sign-in the one asked for, else the setting's."""
    if not has_request_context():
        return services().settings.language
    known = principal_or_none()
    if known is not None:
        return known.language
    asked = request.args.get("lang", g.get("language", ""))
    return asked if asked in LANGUAGES else services().settings.language


def N_(message: str) -> str:  # noqa: N802 - the usual name
    """Mark a text for the catalogue that is translated only where it is shown."""
    return message


def gettext(message: str, **values: object) -> str:
    """`message` in the language of this request, ``%(name)s`` replaced by the values."""
    text = _plain(message)
    return text % values if values else text


def ngettext(singular: str, plural: str, number: int, **values: object) -> str:
    """The form for `number`, which is also the value ``%(num)s``."""
    return _plain_plural(singular, plural, number) % {"num": number, **values}


def when(value: datetime | str | None) -> str:
    """A time (aware, or ISO 8601 text) as day and minute in the site's time zone; a dash for none."""
    return _format(value, PATTERNS)


def when_long(value: datetime | str | None) -> str:
    """A time with year and seconds."""
    return _format(value, LONG_PATTERNS)


def age(value: datetime | str | None) -> str:
    """How long ago a time was, in the largest fitting unit; a dash for none."""
    moment = _to_datetime(value)
    if moment is None:
        return NO_VALUE
    elapsed_s = int((services().clock() - moment).total_seconds())
    if elapsed_s < 0:
        return gettext("in the future")
    if elapsed_s < 60:
        return gettext("%(number)s s ago", number=elapsed_s)
    if elapsed_s < 3600:
        return gettext("%(number)s min ago", number=elapsed_s // 60)
    if elapsed_s < 172_800:
        return gettext("%(number)s h ago", number=elapsed_s // 3600)
    return gettext("%(number)s days ago", number=elapsed_s // 86_400)


def percent(risk: float | None) -> str:
    """A risk (0..1) as whole percentage, cut off; a dash for none."""
    return NO_VALUE if risk is None else f"{whole_percent(risk)}\N{NO-BREAK SPACE}%"


@cache
def translations(code: str) -> NullTranslations:
    """The texts of a language, all its files in one."""
    files = sorted((FOLDER / code).glob("*.po"))
    if not files:
        return NullTranslations()
    merged, compiled = Catalog(locale=code), io.BytesIO()
    for file in files:
        for message in read_catalogue(file, code):
            if message.id:
                merged[message.id] = message
    write_mo(compiled, merged)
    compiled.seek(0)
    return Translations(compiled)


def read_catalogue(file: Path, code: str) -> Catalog:
    """One ``.po`` file; raises when it is not well formed."""
    with file.open("rb") as source:
        return read_po(source, locale=code, abort_invalid=True)


def _plain(message: str) -> str:
    return translations(language()).gettext(message)


def _plain_plural(singular: str, plural: str, number: int) -> str:
    return translations(language()).ngettext(singular, plural, number)


def _format(value: datetime | str | None, patterns: dict[str, str]) -> str:
    moment = _to_datetime(value)
    if moment is None:
        return NO_VALUE
    zone: Any = ZoneInfo(services().settings.time_zone)
    return format_datetime(moment, patterns[language()], tzinfo=zone, locale=language())


def _to_datetime(value: datetime | str | None) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value
