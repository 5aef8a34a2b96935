"""The French catalogue is complete, and says what the English text says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir

from webapp import i18n

SITE = Path(i18n.__file__).parent
METHODS = [("**.py", "python"), ("templates/**", "jinja2.ext:babel_extract")]
OPTIONS = {"templates/**": {"silent": "false"}}
KEYWORDS = {**DEFAULT_KEYWORDS, "gettext": None, "ngettext": (1, 2), "N_": None}
PLACEHOLDER = re.compile(r"%\(\w+\)s|%%")


Message = str | tuple[str, ...]


def used() -> dict[Message, str]:
    """Every text that the site shows, with the file that it is in first."""
    found: dict[Message, str] = {}
    for file, _line, message, _comments, _context in extract_from_dir(SITE, METHODS, OPTIONS, KEYWORDS):
        key = message if isinstance(message, str) else tuple(message)
        found.setdefault(key, file)
    return found


def catalogues() -> Iterator[tuple[Path, Catalog]]:
    for file in sorted((SITE / "translations" / "fr").glob("*.po")):
        yield file, i18n.read_catalogue(file, "fr")


def known() -> dict[str, tuple[str, ...]]:
    """French texts by their (singular) message id."""
    texts: dict[str, tuple[str, ...]] = {}
    for _file, catalogue in catalogues():
        for message in catalogue:
            if message.id:
                id_ = message.id if isinstance(message.id, str) else message.id[0]
                texts[id_] = (message.string,) if isinstance(message.string, str) else tuple(message.string or ())
    return texts


def singular(message: Message) -> str:
    return message if isinstance(message, str) else message[0]


def test_every_text_has_a_french_one() -> None:
    texts = known()
    missing = [f"{file}: {message}" for message, file in used().items() if not all(texts.get(singular(message), ("",)))]

    assert missing == []


def test_a_count_has_both_french_forms() -> None:
    texts = known()

    assert [one for one in used() if isinstance(one, tuple) and len(texts.get(one[0], ())) != 2] == []


def test_no_text_is_uncertain() -> None:
    assert [(file.name, one.id) for file, catalogue in catalogues() for one in catalogue if one.id and one.fuzzy] == []


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


def test_the_site_speaks_what_the_merged_catalogue_says() -> None:
    french, english = i18n.translations("fr"), i18n.translations("en")

    assert french.gettext("Sign in") == "Se connecter"
    assert english.gettext("Sign in") == "Sign in"
    assert french.ngettext("%(num)s patient", "%(num)s patients", 0) == "%(num)s patient"  # French counts 0 as one


@pytest.mark.parametrize("file", sorted(SITE.glob("translations/fr/*.po")), ids=lambda file: file.stem)
def test_each_file_says_how_french_counts(file: Path) -> None:
    assert "nplurals=2; plural=(n > 1)" in file.read_text(encoding="utf-8")
