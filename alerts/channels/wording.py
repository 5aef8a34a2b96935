"""What a message says of alerts, in the recipient's language: a subject, and a card for each of the first alerts.

Mail and the other channels say the same words. They say of a patient what `disclosing` has let pass, no more.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from babel.support import NullTranslations, Translations

from alerts.channels.disclosing import Told, latest
from alerts.channels.message import Language
from alerts.model import STALE, AlertKind, State
from alerts.texts import N_, compile_catalogue, mmhg, percent
from alerts.wording import KIND_NAMES, LEVEL_NAMES, attention_in_words, range_in_words, reasons_in_words, summary

CATALOGUES: Final = Path(__file__).parents[1] / "translations"
MOST_CARDS: Final = 20
WHEN: Final = "d MMM HH:mm"
UNBROKEN: Final = "\N{NO-BREAK SPACE}"  # that French sets before a colon
NO_DATA: Final = N_("NO DATA")
REFUSED: Final = N_("The device says: %(words)s")


@dataclass(frozen=True, slots=True)
class Card:
    """One alert in words: level, kind, of whom, what else is known, and the link that acknowledges it."""

    level: str
    level_name: str
    kind: str
    who: str
    facts: tuple[str, ...]
    link: str | None


@dataclass(frozen=True, slots=True)
class Worded:
    """A message in words; `more` says how many alerts have no card, empty where each has one."""

    language: Language
    subject: str
    cards: tuple[Card, ...]
    more: str


@cache
def catalogue(language: Language) -> NullTranslations:
    """Return the texts of a language; English ones are the message ids."""
    file = CATALOGUES / language / "LC_MESSAGES" / "messages.po"
    return Translations(io.BytesIO(compile_catalogue(file))) if file.exists() else NullTranslations()


@dataclass(frozen=True, slots=True)
class Words:
    """Writes of alerts in a language, times in a time zone."""

    language: Language
    zone: ZoneInfo

    def message(self, told: Sequence[Told]) -> Worded:
        """Return a message in words, one card an alert."""
        told = latest(told)
        left_out = len(told) - MOST_CARDS
        more = self.ngettext("+%(num)s further alert", "+%(num)s further alerts", left_out) if left_out > 0 else ""
        return Worded(self.language, self.subject(told), tuple(map(self.card, told[:MOST_CARDS])), more)

    def subject(self, told: Sequence[Told]) -> str:
        """Return what a message is about in one line: its alert, or how many there are of each level."""
        told = latest(told)
        if len(told) == 1:
            return one_line(self.line(told[0]))
        counted = Counter(self._level(each.level) for each in told)
        levels = ", ".join(f"{number} {level}" for level, number in counted.items())
        total = self.ngettext("%(num)s alert", "%(num)s alerts", len(told))
        return self._text(N_("%(total)s: %(levels)s"), total=total, levels=levels)

    def line(self, told: Told) -> str:
        """Return an alert in one line."""
        line = self._text(
            N_("%(level)s: %(kind)s, %(who)s"),
            level=self._level(told.level),
            kind=self._text(KIND_NAMES[told.kind]),
            who=self._who(told),
        )
        if told.repeat:
            return self._text(N_("Reminder: %(line)s"), line=line)
        return self._text(N_("Unanswered: %(line)s"), line=line) if told.step else line

    def card(self, told: Told) -> Card:
        """Return an alert as a message shows it."""
        guess = range_in_words(told.out_of_range, self._text)
        facts = (self._value(told), guess, self._reason(told), self._since(told), self._why(told))
        return Card(
            level=told.level,
            level_name=self._level(told.level),
            kind=self._text(KIND_NAMES[told.kind]),
            who=self._who(told),
            facts=tuple(one_line(fact) for fact in facts if fact),
            link=told.link,
        )

    def _level(self, level: str) -> str:
        return self._text(NO_DATA if level == STALE else LEVEL_NAMES[level])

    def _who(self, told: Told) -> str:
        """Say of whom or what an alert is: as much as the recipient may know, and otherwise just that."""
        if told.part:
            return told.part
        named = [told.name, self._text(N_("patient %(id)s"), id=told.patient_id) if told.patient_id else None]
        who = ", ".join(filter(None, named)) or self._text(N_("a patient"))
        bed = self._text(N_("bed %(bed)s"), bed=told.bed) if told.bed else None
        return one_line(", ".join(filter(None, (who, told.ward, bed))))

    def _value(self, told: Told) -> str:
        """Say the worst that was found; nothing where it may not be known, or there is nothing."""
        if told.refused:
            return self._text(REFUSED, words=attention_in_words(told.refused, self._text, self.language))
        if told.kind is AlertKind.PREDICTED and told.risk_6h is not None:
            return self._text(N_("Risk of a crisis within 6 h: %(risk)s"), risk=percent(told.risk_6h))
        if told.systolic is None or told.diastolic is None or told.measured_at is None:
            return ""
        return self._text(
            N_("%(systolic)s/%(diastolic)s mmHg, measured %(when)s"),
            systolic=mmhg(told.systolic),
            diastolic=mmhg(told.diastolic),
            when=self._when(told.measured_at),
        )

    def _reason(self, told: Told) -> str:
        """Say what raises the risk most; nothing where it may not be known."""
        return summary(reasons_in_words(told.reasons, self._text, self.language), self._text) or ""

    def _since(self, told: Told) -> str:
        """Say since when, and of what waits for an answer alone, that it is over."""
        since = self._text(N_("Since %(when)s"), when=self._when(told.started_at))
        is_over = not told.is_open or told.state is State.LATCHED
        return self._text(N_("%(since)s, over meanwhile"), since=since) if is_over else since

    def _why(self, told: Told) -> str:
        """Say why it is told once more; nothing of what is told for the first time."""
        when = self._when(told.raised_at)
        if told.repeat:
            return self._text(N_("Reminder %(number)s: nobody has acknowledged it yet."), number=told.repeat)
        if told.step:
            return self._text(N_("You are told because nobody has acknowledged it since %(when)s."), when=when)
        return ""

    def _when(self, moment: datetime) -> str:
        return format_datetime(moment, WHEN, tzinfo=self.zone, locale=self.language)

    def _text(self, message: str, **values: object) -> str:
        translated: str = catalogue(self.language).gettext(message)
        return translated % values if values else translated

    def ngettext(self, singular: str, plural: str, number: int) -> str:
        """Return the text for so many; the name is the one by which texts are found for the catalogue."""
        translated: str = catalogue(self.language).ngettext(singular, plural, number)
        return translated % {"num": number}


def one_line(text: str) -> str:
    """Return a text without what could end a line or a header: ids and names may hold any character."""
    return "".join(sign if sign.isprintable() or sign == UNBROKEN else " " for sign in text).strip()
