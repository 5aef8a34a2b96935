"""The site's languages with Flask-Babel, and how it writes times, ages and risks.

The catalogues are the site's own and that of what alerts say, wherever they say it; see `alerts.texts`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from flask import Flask, g, has_request_context, request
from flask_babel import Babel, format_datetime, gettext, ngettext

from alerts.texts import N_, NO_VALUE, compile_catalogue, mmhg, percent
from conf.files import write_whole
from conf.settings import PROJECT_ROOT, Settings
from conf.times import present_until
from webapp.security.current import principal_or_none
from webapp.services import EXTENSION, services

__all__ = ["LANGUAGES", "N_", "age", "gettext", "language", "mmhg", "ngettext", "percent", "when", "when_long"]

LANGUAGES: Final = {"fr": "Français", "en": "English"}
FOLDERS: Final = tuple(PROJECT_ROOT / folder / "translations" for folder in ("webapp", "alerts"))
PATTERN: Final = "d MMM HH:mm"
LONG_PATTERNS: Final = {"fr": "d MMMM y 'à' HH:mm:ss", "en": "d MMMM y, HH:mm:ss"}


def install(app: Flask) -> None:
    """Give the templates ``_``, ``ngettext``, the language, and the filters ``when when_long age percent mmhg``."""
    settings: Settings = app.extensions[EXTENSION].settings
    compiled = {folder: (settings.local_dir / "translations" / folder.parent.name).absolute() for folder in FOLDERS}
    for folder, target in compiled.items():
        for catalogue in folder.glob("*/LC_MESSAGES/*.po"):
            write_whole(target / catalogue.relative_to(folder).with_suffix(".mo"), compile_catalogue(catalogue))
    Babel(
        app,
        configure_jinja=False,
        default_locale=settings.language,
        default_timezone=settings.time_zone,
        default_translation_directories=";".join(map(str, compiled.values())),
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


def _to_datetime(value: datetime | str | None) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value
