"""Codes in words, for those who run the site: roles, events of the audit, browsers, models and their features."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from alerts.wording import Translate
from webapp.i18n import N_, gettext, when

ROLE_NAMES: Final[Mapping[str, str]] = {
    "viewer": N_("Viewer"),
    "clinician": N_("Clinician"),
    "manager": N_("Ward manager"),
    "admin": N_("Administrator"),
    "kiosk": N_("Wall screen"),
    "service": N_("Application"),
}
ACTION_NAMES: Final[Mapping[str, str]] = {  # of the audit
    "view": N_("opened a patient"),
    "list": N_("saw a list"),
    "print": N_("printed a report"),
    "export": N_("exported data"),
    "ack": N_("acknowledged an alert"),
    "snooze": N_("suspended an alert again"),
    "note": N_("noted something on an alert"),
    "take_over": N_("took over an alert"),
    "undo": N_("took back an answer"),
    "feedback": N_("judged an alert"),
    "limits": N_("set limits of a patient"),
    "surveillance": N_("ended or resumed surveillance"),
    "rules": N_("saved rules of alerts"),
    "targets": N_("set a target"),
    "login": N_("signed in"),
    "logout": N_("signed out"),
    "password": N_("changed the password"),
    "totp": N_("set up the authenticator"),
    "denied": N_("asked for a page without the right to it"),
    "session_ended": N_("ended a session"),
    "token_created": N_("made a token"),
    "token_revoked": N_("revoked a token"),
    "user_added": N_("added a user"),
    "user_role": N_("changed a role"),
    "user_wards": N_("changed the wards of an account"),
    "user_disable": N_("shut an account"),
    "user_enable": N_("opened an account"),
    "user_remove_totp": N_("removed an authenticator"),
    "user_reset_password": N_("gave a new password"),
    "model_promotion": N_("asked for another model in service"),
    "audit_search": N_("searched the audit"),
}
OUTCOME_NAMES: Final[Mapping[str, str]] = {
    "ok": N_("done"),
    "failed": N_("failed"),
    "denied": N_("denied"),
    "refused": N_("refused"),
}
BROWSERS: Final = (  # name, and what stands before its version; the first that fits: most claim to be others too
    ("Edge", r"Edg(?:e|A|iOS)?"),
    ("Opera", r"OPR"),
    ("Samsung Internet", r"SamsungBrowser"),
    ("Firefox", r"(?:Firefox|FxiOS)"),
    ("Chrome", r"(?:HeadlessChrome|Chromium|Chrome|CriOS)"),
    ("Safari", r"Version"),
)
SYSTEMS: Final = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("ChromeOS", "CrOS"),
    ("macOS", "Macintosh"),
    ("Linux", "Linux"),
)
UNKNOWN_BROWSER: Final = N_("unknown browser")
SUMMARY_NAMES: Final[Mapping[str, str]] = {  # of `ml.drift`
    "mean_systolic": N_("mean systolic of the window (mmHg)"),
    "spread_systolic": N_("spread of the systolic in the window (mmHg)"),
    "greatest_systolic": N_("highest systolic of the window (mmHg)"),
    "mean_diastolic": N_("mean diastolic of the window (mmHg)"),
    "mean_pulse_pressure": N_("mean pulse pressure (mmHg)"),
    "mean_heart_rate": N_("mean heart rate (per minute)"),
    "without_heart_rate": N_("share of readings without heart rate"),
    "interval_minutes": N_("interval between readings (minutes)"),
    "critical_risk_1h": N_("predicted risk, 1 h"),
    "critical_risk_6h": N_("predicted risk, 6 h"),
    "critical_risk_24h": N_("predicted risk, 24 h"),
}
VERSION_TIME: Final = re.compile(r"\d{8}T\d{6}Z(?=-)")
VERSION_FORMAT: Final = "%Y%m%dT%H%M%SZ"


def browser_name(agent: str) -> str | None:
    """Return browser and system of a user agent, such as ``Firefox 145, Windows``; None for one that is neither."""
    found = ((name, re.search(rf"\b{mark}/(\d+)", agent)) for name, mark in BROWSERS)
    browser = next((f"{name} {match[1]}" for name, match in found if match), None)
    system = next((name for name, mark in SYSTEMS if mark in agent), None)
    return ", ".join(name for name in (browser, system) if name) or None


def summary_name(summary: str, translate: Translate) -> str:
    """Return what drift is told of in words; what this version does not know as it is."""
    return translate(SUMMARY_NAMES[summary]) if summary in SUMMARY_NAMES else summary


def model_name(version: str) -> str:
    """Return a model's version, such as ``20261129T112541Z-982092f8``, as when it was made; another kind as it is."""
    match = VERSION_TIME.match(version)
    if match is None:
        return version
    made_at = datetime.strptime(match[0], VERSION_FORMAT).replace(tzinfo=UTC)
    return gettext("of %(when)s", when=when(made_at))
