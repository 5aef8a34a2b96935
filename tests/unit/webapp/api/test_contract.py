"""Schemathesis asks every operation of the OpenAPI document as each role: no crash, and nothing but what it says.

`positive_data_acceptance` is left out: a cursor, the order of `from` and `to` and the length of a span cannot be said
in a schema, so that valid-looking values may be refused with 422.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as limits
from schemathesis import Config, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from tests.support.fake_elasticsearch import running
from tests.unit.webapp.api.conftest import at_newest, make_ward
from tests.unit.webapp.site import SAME_ORIGIN, Site, make_site
from webapp.api.surroundings import document
from webapp.security import sessions
from webapp.security.roles import ROLES

CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
    checks.negative_data_rejection,
    checks.ignored_auth,
    checks.unsupported_method,
]
EXAMPLES = 6
KNOWN = {"patient_id": "P-0001"}  # generated ids are nearly always of nobody


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running() as server:
        yield at_newest(make_site(tmp_path_factory.mktemp("site"), search=make_ward(), elasticsearch_url=server.url))


def sign_in(site: Site, schema: Any, role: str) -> None:
    """Let each request carry a session or a token of the role; the checks also ask without it and with a false one."""
    token = site.token() if role == "service" else {}
    cookies = {} if token else {sessions.LOOPBACK_COOKIE: open_session(site, role)}

    @schema.auth()
    class Credentials:
        def get(self, *_: object) -> str:
            return role

        def set(self, case: Any, *_: object) -> None:
            case.headers = {**(case.headers or {}), **token}
            case.cookies = {**(case.cookies or {}), **cookies}


def open_session(site: Site, role: str) -> str:
    user = site.add_user(role, role)
    return sessions.begin(site.services.store, user, ip="127.0.0.1", agent="", now=site.clock())


def load(site: Site, role: str) -> Any:
    """Return the document, and the site as its own machine asks it, over plain HTTP."""
    config = Config.from_dict({"generation": {"with-security-parameters": False}})
    with site.app.app_context():
        schema = schemathesis.openapi.from_dict(document(sessions.LOOPBACK_COOKIE), config=config)
    schema.app = lambda environ, start: site.app(environ | {"REMOTE_ADDR": "127.0.0.1"}, start)
    sign_in(site, schema, role)
    return schema


@pytest.mark.parametrize("role", sorted(ROLES))
def test_every_operation_keeps_what_the_document_promises(site: Site, role: str) -> None:
    schema = load(site, role)
    for found in schema.get_all_operations():
        operation = found.ok()
        build = partial(operation.as_strategy, auth_storage=schema.auth)
        names = {parameter["name"] for parameter in operation.definition.raw.get("parameters", ())}
        fuzz(build(GenerationMode.POSITIVE))
        if "patient_id" in names:
            fuzz(build(GenerationMode.POSITIVE, path_parameters=KNOWN))
        if names or "requestBody" in operation.definition.raw:  # else there is nothing to get wrong
            fuzz(build(GenerationMode.NEGATIVE))


def fuzz(strategy: Any) -> None:
    @limits(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def ask(case: Any) -> None:
        case.call_and_validate(headers=SAME_ORIGIN, checks=CHECKS)

    run: Callable[[], None] = ask
    run()
