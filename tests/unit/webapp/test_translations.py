"""The French catalogues are complete, hold each text once, and say what the English text says."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from alerts.texts import compile_catalogue
from tests.unit.webapp.site import Site
from webapp import i18n

CATALOGUES = {folder.parent: folder / "fr" / "LC_MESSAGES" / "messages.po" for folder in i18n.FOLDERS}
METHODS = [("**.py", "python"), ("**/templates/**", "jinja2.ext:babel_extract")]
OPTIONS = {"**/templates/**": {"silent": "false"}}
KEYWORDS = {**DEFAULT_KEYWORDS, "gettext": None, "ngettext": (1, 2), "N_": None}
PLACEHOLDER = re.compile(r"%\(\w+\)s|%%")


Message = str | tuple[str, ...]


def used_in(room: Path) -> dict[Message, str]:
    """Return every text that a room of the house shows, with the file that it is in first."""
    found: dict[Message, str] = {}
    for file, _line, message, _comments, _context in extract_from_dir(room, METHODS, OPTIONS, KEYWORDS):
        key = message if isinstance(message, str) else tuple(message)
        found.setdefault(key, file)
    return found


def used() -> dict[Message, str]:
    """Return every text that is shown anywhere."""
    return {message: file for room in CATALOGUES for message, file in used_in(room).items()}


def catalogue_of(file: Path) -> Catalog:
    with file.open("rb") as source:
        return read_po(source, locale="fr", abort_invalid=True)


def known_in(file: Path) -> dict[str, tuple[str, ...]]:
    """Return the French texts of a catalogue by their (singular) message id."""
    texts: dict[str, tuple[str, ...]] = {}
    for message in catalogue_of(file):
        if message.id:
            id_ = message.id if isinstance(message.id, str) else message.id[0]
            texts[id_] = (message.string,) if isinstance(message.string, str) else tuple(message.string or ())
    return texts


def known() -> dict[str, tuple[str, ...]]:
    """Return the French texts of all catalogues."""
    return {id_: texts for file in CATALOGUES.values() for id_, texts in known_in(file).items()}


def singular(message: Message) -> str:
    return message if isinstance(message, str) else message[0]


def test_every_text_has_a_french_one() -> None:
    texts = known()
    missing = [f"{file}: {message}" for message, file in used().items() if not all(texts.get(singular(message), ("",)))]

    assert missing == []


def test_what_alerts_say_is_in_their_own_catalogue() -> None:
    (alerts,) = (room for room in CATALOGUES if room.name == "alerts")

    assert {singular(message) for message in used_in(alerts)} - set(known_in(CATALOGUES[alerts])) == set()


def test_no_text_is_in_two_catalogues() -> None:
    site, alerts = map(known_in, CATALOGUES.values())

    assert set(site) & set(alerts) == set()


def test_a_count_has_both_french_forms() -> None:
    texts = known()

    assert [message for message in used() if isinstance(message, tuple) and len(texts.get(message[0], ())) != 2] == []


def test_no_text_is_uncertain() -> None:
    every = [message for file in CATALOGUES.values() for message in catalogue_of(file)]

    assert [message.id for message in every if message.id and message.fuzzy] == []


def test_no_text_is_kept_that_nobody_shows() -> None:
    shown = {singular(message) for message in used()}

    assert sorted(set(known()) - shown) == []


def test_placeholders_are_the_same_in_both_languages() -> None:
    differing = [
        id_
        for id_, texts in known().items()
        for text in texts
        if sorted(PLACEHOLDER.findall(text)) != sorted(PLACEHOLDER.findall(id_))
    ]

    assert differing == []


def test_the_site_speaks_what_the_catalogue_says(site: Site) -> None:
    template = '{{ _("Sign in") }} {{ ngettext("%(num)s patient", "%(num)s patients", 0) }}'
    spoken = {}
    for code in i18n.LANGUAGES:
        with site.app.test_request_context(f"/login?lang={code}"):
            spoken[code] = site.app.jinja_env.from_string(template).render()

    assert spoken == {"fr": "Se connecter 0 patient", "en": "Sign in 0 patients"}  # French counts 0 as one


@pytest.mark.parametrize("file", CATALOGUES.values(), ids=[room.name for room in CATALOGUES])
def test_a_catalogue_says_how_french_counts_and_gives_each_text_once(file: Path) -> None:
    text = file.read_text(encoding="utf-8")

    assert "nplurals=2; plural=(n > 1)" in text
    assert text.count("\nmsgid ") == len(catalogue_of(file))


def test_french_signs_never_stand_alone_at_the_beginning_of_a_line() -> None:
    spoken = [
        text
        for file in CATALOGUES.values()
        for message in read_mo(io.BytesIO(compile_catalogue(file)))
        for text in ([message.string] if isinstance(message.string, str) else message.string or ())
    ]

    assert not [text for text in spoken if re.search(" [:;!?»]|« ", text)]
    assert "rôle «\N{NO-BREAK SPACE}Application\N{NO-BREAK SPACE}»" in "".join(spoken)
