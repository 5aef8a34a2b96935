"""The site's languages with Flask-Babel, and how it writes times, ages and risks.

Message ids are English; ``translations/<language>/LC_MESSAGES/messages.po`` holds the other language's texts. The
catalogues are compiled when the site starts, so nothing has to be built.
"""

from __future__ import annotations

import io
import math
import re
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask import Flask, g, has_request_context, request
from flask_babel import Babel, format_datetime, gettext, ngettext

from conf.files import write_whole
from conf.settings import Settings
from conf.times import present_until
from webapp.security.current import principal_or_none
from webapp.services import EXTENSION, services

__all__ = ["LANGUAGES", "N_", "age", "gettext", "language", "mmhg", "ngettext", "percent", "when", "when_long"]

LANGUAGES: Final = {"fr": "Français", "en": "English"}
FOLDER: Final = Path(__file__).parent / "translations"
NO_VALUE: Final = "\N{EN DASH}"
PATTERN: Final = "d MMM HH:mm"
BREAKABLE: Final = re.compile(r" (?=[:;!?»])|(?<=«) ")
LONG_PATTERNS: Final = {"fr": "d MMMM y 'à' HH:mm:ss", "en": "d MMMM y, HH:mm:ss"}


def install(app: Flask) -> None:
    """Give the templates ``_``, ``ngettext``, the language, and the filters ``when when_long age percent mmhg``."""
    settings: Settings = app.extensions[EXTENSION].settings
    compiled = settings.local_dir / "translations"
    for catalogue in FOLDER.glob("*/LC_MESSAGES/*.po"):
        write_whole(compiled / catalogue.relative_to(FOLDER).with_suffix(".mo"), compile_catalogue(catalogue))
    Babel(
        app,
        configure_jinja=False,
        default_locale=settings.language,
        default_timezone=settings.time_zone,
        default_translation_directories=str(compiled.absolute()),
        locale_selector=language,
    )
    app.jinja_env.add_extension("jinja2.ext.i18n")
    # old style: the new one would read every "%" of a text without values as the start of a placeholder
    app.jinja_env.install_gettext_callables(gettext, ngettext, newstyle=False)  # type: ignore[attr-defined]
    app.jinja_env.filters.update(when=when, when_long=when_long, age=age, percent=percent, mmhg=mmhg)
    app.context_processor(lambda: {"language": language(), "languages": LANGUAGES})


def language() -> str:
    """Return the language of this request: the user's, before sign-in the one asked for, else the setting's."""
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


def when(value: datetime | str | None) -> str:
    """Write a time (aware, or ISO 8601 text) as day and minute in the site's time zone; a dash for none."""
    moment = _to_datetime(value)
    return NO_VALUE if moment is None else format_datetime(moment, PATTERN)


def when_long(value: datetime | str | None) -> str:
    """Write a time with year and seconds."""
    moment = _to_datetime(value)
    return NO_VALUE if moment is None else format_datetime(moment, LONG_PATTERNS[language()])


def age(value: datetime | str | None) -> str:
    """Write how long ago a time was, in the largest fitting unit; a dash for none."""
    moment = _to_datetime(value)
    if moment is None:
        return NO_VALUE
    now = services().clock()
    if moment > present_until(now):
        return gettext("in the future")
    elapsed_s = max(0, int((now - moment).total_seconds()))
    if elapsed_s < 60:
        return gettext("%(number)s s ago", number=elapsed_s)
    if elapsed_s < 3600:
        return gettext("%(number)s min ago", number=elapsed_s // 60)
    if elapsed_s < 172_800:
        return gettext("%(number)s h ago", number=elapsed_s // 3600)
    return gettext("%(number)s days ago", number=elapsed_s // 86_400)


def percent(risk: float | None) -> str:
    """Write a risk (0..1) as whole percentage; a dash for none.

    It is cut off and never rounded up, so that it never claims a level that the risk has not reached: 0.3996 reads
    39 % beside MEDIUM. The decimal digits of the stored number count, not its binary value: 0.29 reads 29 % although
    the nearest binary number lies below it.
    """
    return NO_VALUE if risk is None else f"{int(Decimal(str(risk)) * 100)}\N{NO-BREAK SPACE}%"


def mmhg(pressure: float) -> str:
    """Write a pressure in whole mmHg, cut off as risks are: 179.6 is no crisis, and must not read 180."""
    return str(math.floor(pressure))


@cache
def compile_catalogue(file: Path) -> bytes:
    """Return the ``.mo`` file of ``<language>/LC_MESSAGES/<name>.po``; raises when that is not well formed.

    What French sets apart by a space (``: ; ! ?`` and guillemets) is never parted by the end of a line.
    """
    compiled = io.BytesIO()
    with file.open("rb") as source:
        catalogue = read_po(source, locale=file.parents[1].name, abort_invalid=True)
    for message in catalogue:
        if isinstance(message.string, str):
            message.string = _join(message.string)
        elif message.string:
            message.string = tuple(map(_join, message.string))
    write_mo(compiled, catalogue)
    return compiled.getvalue()


def _join(text: str) -> str:
    return BREAKABLE.sub("\N{NO-BREAK SPACE}", text)


def _to_datetime(value: datetime | str | None) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value
