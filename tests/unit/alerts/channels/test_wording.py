"""What messages say: in both languages, of a patient no more than is disclosed, of a burst a summary first."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from alerts.channels.disclosing import Disclosing
from alerts.channels.message import Language, Message
from alerts.channels.wording import MOST_CARDS, Worded, Words, one_line
from alerts.model import AlertKind, State
from conf.settings import Settings
from tests.support.tellings import (
    EVERYTHING,
    LINK,
    NOTHING,
    OUT_OF_RANGE,
    REASONS,
    SECRET,
    WHERE,
    burst,
    measured,
    message,
    outage,
    predicted,
    recipient,
    refused,
    silent,
    telling,
)

NBSP = "\N{NO-BREAK SPACE}"
APOSTROPHE = "\N{RIGHT SINGLE QUOTATION MARK}"
PARIS = ZoneInfo("Europe/Paris")
LANGUAGES: tuple[Language, ...] = ("en", "fr")
REASON = f"Ce qui augmente le plus le risque à 6 h{NBSP}: pression systolique de la dernière mesure (171 mmHg)."


def worded(given: Message) -> Worded:
    told = Disclosing(Settings(secret_key=SECRET)).told(given)
    return Words(given.recipient.language, PARIS).message(told)


def said(document: dict[str, Any], language: Language = "en", discloses: Any = EVERYTHING, **where: int) -> Worded:
    return worded(message([telling(document, **where)], recipient(language=language, discloses=discloses)))


@pytest.mark.parametrize(
    ("document", "language", "subject", "facts"),
    [
        (
            measured(**WHERE),
            "en",
            "CRITICAL: Measured crisis, Ada Nonym, patient P-0412, Cardiology, bed 12",
            ("193/121 mmHg, measured 10 Mar 13:00", "Since 10 Mar 13:00"),
        ),
        (
            measured(**WHERE),
            "fr",
            f"CRITIQUE{NBSP}: Crise mesurée, Ada Nonym, patient P-0412, Cardiology, lit 12",
            ("193/121 mmHg, mesure du 10 mars 13:00", "Depuis le 10 mars 13:00"),
        ),
        (
            predicted(reasons=REASONS),
            "fr",
            f"CRITIQUE{NBSP}: Risque prédit, patient P-0412",
            (f"Risque de crise dans les 6 h{NBSP}: 83{NBSP}%", REASON, "Depuis le 10 mars 13:00"),
        ),
        (
            refused(),
            "fr",
            f"CRITIQUE{NBSP}: Mesure inexploitable évoquant une crise, patient P-0412",
            (
                f"L{APOSTROPHE}appareil indique{NBSP}: systolique > 250 mmHg",
                "Depuis le 10 mars 13:00",
            ),
        ),
        (silent(), "en", "NO DATA: No reading any more, patient P-0412", ("Since 10 Mar 13:00",)),
        (
            outage(),
            "en",
            "CRITICAL: Something is wrong with the system, stream-ingest",
            ("Since 10 Mar 13:00",),
        ),
    ],
    ids=["measured", "measured-fr", "predicted-fr", "refused-fr", "silent", "outage"],
)
def test_an_alert_in_words(document: dict[str, Any], language: Language, subject: str, facts: tuple[str, ...]) -> None:
    found = said(document, language)

    assert found.subject == subject
    assert found.cards[0].facts == facts


@pytest.mark.parametrize(
    ("language", "guess"),
    [
        (
            "en",
            "The model was not trained on such readings (too few readings, a longer gap): the risk is a mere guess.",
        ),
        (
            "fr",
            f"Le modèle n{APOSTROPHE}a pas été entraîné sur de telles mesures (trop peu de mesures, ",
        ),
    ],
)
@pytest.mark.parametrize("discloses", [NOTHING, EVERYTHING])
def test_a_prediction_that_is_a_guess_is_told_as_one(language: Language, guess: str, discloses: Any) -> None:
    (card,) = said(predicted(out_of_range=OUT_OF_RANGE), language, discloses).cards
    assert len([fact for fact in card.facts if fact.startswith(guess)]) == 1


@pytest.mark.parametrize(("language", "who"), [("en", "a patient"), ("fr", "un patient")])
def test_where_nothing_is_disclosed_a_patient_is_just_that(language: Language, who: str) -> None:
    (card,) = said(measured(**WHERE), language, NOTHING).cards

    assert card.who == who
    assert not [fact for fact in card.facts if "mmHg" in fact]
    assert card.link == LINK


def test_a_ward_alone_says_where_to_go() -> None:
    (card,) = said(measured(**WHERE), discloses=frozenset({"ward"})).cards
    assert card.who == "a patient, Cardiology, bed 12"


def test_whoever_is_told_later_is_told_why() -> None:
    step, reminder = said(measured(), step=1), said(measured(), step=1, repeat=2)

    assert step.subject.startswith("Unanswered: CRITICAL")
    assert "nobody has acknowledged it since 10 Mar 13:00" in step.cards[0].facts[-1]
    assert reminder.subject.startswith("Reminder: CRITICAL")
    assert reminder.cards[0].facts[-1] == "Reminder 2: nobody has acknowledged it yet."


def test_what_is_over_and_waits_for_an_answer_says_so() -> None:
    assert said(measured(state=State.LATCHED)).cards[0].facts[-1] == "Since 10 Mar 13:00, over meanwhile"


def test_a_burst_begins_with_a_summary_and_ends_with_how_many_more() -> None:
    tellings = [*burst(MOST_CARDS + 2), telling(silent()), telling(predicted(level="HIGH", shown_rank=2))]
    english, french = (worded(message(tellings, recipient(language=language))) for language in LANGUAGES)

    assert english.subject == "24 alerts: 22 CRITICAL, 1 HIGH, 1 NO DATA"
    assert (len(english.cards), english.more) == (MOST_CARDS, "+4 further alerts")
    assert french.subject == f"24 alertes{NBSP}: 22 CRITIQUE, 1 ÉLEVÉ, 1 SANS DONNÉES"
    assert french.more == "+4 autres alertes"


def test_an_alert_that_is_told_with_its_reminders_has_one_card_for_the_last_of_them() -> None:
    found = worded(message([telling(repeat=number) for number in (0, 2, 1)]))

    assert found.subject.startswith("Reminder: CRITICAL")
    assert [card.facts[-1] for card in found.cards] == ["Reminder 2: nobody has acknowledged it yet."]


def test_a_message_of_as_many_alerts_as_fit_has_nothing_more() -> None:
    assert worded(message(burst(MOST_CARDS))).more == ""
    assert worded(message(burst(MOST_CARDS + 1))).more == "+1 further alert"


@pytest.mark.parametrize("kind", AlertKind)
def test_every_kind_has_words_in_each_language(kind: AlertKind) -> None:
    english, french = (said(measured(kind=kind), language).cards[0].kind for language in LANGUAGES)
    assert english != french


@pytest.mark.parametrize(
    ("text", "line"),
    [("a\r\nb", "a  b"), ("a\x00b", "a b"), (" é 😀 ", "é 😀"), ("a\u2028b", "a b"), (f"a{NBSP}: b", f"a{NBSP}: b")],
)
def test_a_line_stays_one(text: str, line: str) -> None:
    assert one_line(text) == line
