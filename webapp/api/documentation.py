"""The OpenAPI document, and the same rendered as a page: our own template, no script, nothing from elsewhere."""

from __future__ import annotations

import io
import json
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from gettext import NullTranslations
from typing import Any, Final

from babel.messages.mofile import write_mo
from babel.support import Translations
from flask import Response, current_app, render_template, request

from webapp import i18n
from webapp.api.openapi import TAGS, TITLES_OF_TAGS, Json, build_document
from webapp.api.operations import Answer
from webapp.api.problems import DETAILS, TITLES
from webapp.api.rendering import fields, is_problem, linked, type_of
from webapp.api.routes import OPERATIONS, blueprint, operation
from webapp.http import make_conditional
from webapp.security.roles import Permission, requires
from webapp.security.sessions import cookie_name

CATALOGUES: Final = i18n.FOLDER / "api"


@operation(
    "GET",
    "/openapi.json",
    tag="documentation",
    summary="The OpenAPI 3.1 document of this API",
    permission=Permission.SIGNED_IN,
    answer=None,
)
def openapi() -> Answer:
    """The document itself."""
    return Answer(json.dumps(_document(cookie_name(request))).encode())


@blueprint.get("/api/docs")
@requires(Permission.SIGNED_IN)
def docs() -> Response:
    """The document as a page."""
    document = _document(cookie_name(request))
    page = render_template(
        "api/docs.html",
        document=document,
        groups=_groups(document),
        tags=TAGS,
        titles=TITLES_OF_TAGS,
        problems={status: (title, DETAILS.get(status)) for status, title in TITLES.items()},
        reads=current_app.config["READS_PER_MINUTE"],
        exports=current_app.config["EXPORTS_PER_MINUTE"],
        fields=fields,
        is_problem=is_problem,
        linked=linked,
        type_of=type_of,
        say=_texts(i18n.language()).gettext,
    )
    return make_conditional(Response(page))


@cache
def _texts(language: str) -> NullTranslations:
    """What the document says in a language of the page; the document itself is English, like the API."""
    compiled, file = io.BytesIO(), CATALOGUES / f"{language}.po"
    if language == i18n.SOURCE_LANGUAGE:
        return NullTranslations()
    write_mo(compiled, i18n.read_catalogue(file, language))
    compiled.seek(0)
    return Translations(compiled)


@cache
def _document(cookie: str) -> Json:
    return build_document(OPERATIONS, cookie)


def _groups(document: Mapping[str, Any]) -> dict[str, list[Json]]:
    """The operations by tag, each with its method and path."""
    groups: dict[str, list[Json]] = defaultdict(list)
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            groups[described["tags"][0]].append({"method": method.upper(), "path": path, **described})
    return {tag: groups[tag] for tag in TAGS if tag in groups}
