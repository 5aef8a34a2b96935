"""Headers of every answer, transport, host names, CORS, and the limits on what is sent."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import webapp
from tests.unit.webapp.site import SAME_ORIGIN, Site, make_site
from webapp.security.guard import CONTENT_SECURITY_POLICY, HEADERS

TEMPLATES = Path(webapp.__file__).parent / "templates"


@pytest.mark.parametrize(
    "path",
    ["/login", "/help", "/nothing", "/healthz", "/api/v1/me", "/api/nothing", "/static/css/site.css", "/account"],
)
def test_every_answer_carries_the_headers(site: Site, path: str) -> None:
    answer = site.client().get(path)

    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    is_static = path.startswith("/static")
    assert answer.headers["Cache-Control"] == ("public, max-age=3600" if is_static else "no-store")


def test_the_policy_allows_this_site_alone() -> None:
    rules = dict(rule.strip().split(" ", 1) for rule in CONTENT_SECURITY_POLICY.split(";"))

    assert rules.pop("img-src") == "'self' data:"
    assert set(rules.values()) == {"'self'", "'none'"}
    assert rules["default-src"] == rules["base-uri"] == rules["frame-ancestors"] == "'none'"


def test_plain_http_is_not_told_to_stay_with_tls(site: Site) -> None:
    answer = site.app.test_client().get("/login", base_url="http://localhost")

    assert "Strict-Transport-Security" not in answer.headers


def test_plain_http_is_answered_on_this_machine_alone(tmp_path: Path) -> None:
    def ask(site: Site) -> tuple[int, bool]:
        far = {"REMOTE_ADDR": "10.0.0.5"}
        answer = site.app.test_client().get("/login", base_url="http://localhost", environ_overrides=far)
        return answer.status_code, "sans chiffrement" in answer.text

    assert ask(make_site(tmp_path)) == (403, False)
    assert ask(make_site(tmp_path, insecure_demo=True)) == (200, True)


def test_forwarded_headers_are_believed_from_the_set_number_of_proxies_only(tmp_path: Path) -> None:
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "10.0.0.5"}

    def status(site: Site, address: str) -> int:
        client = site.app.test_client()
        outside = {"REMOTE_ADDR": address}
        return client.get(
            "/login", base_url="http://localhost", headers=forwarded, environ_overrides=outside
        ).status_code

    assert status(make_site(tmp_path), "10.0.0.9") == 403
    assert status(make_site(tmp_path, proxy_hops=1), "10.0.0.9") == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example"])
def test_other_host_names_are_refused(site: Site, host: str) -> None:
    answer = site.app.test_client().get("/login", base_url=f"https://{host}")

    assert answer.status_code == 400
    assert "evil" not in answer.text


def test_a_body_beyond_64_kb_is_refused(site: Site) -> None:
    answer = site.client().post("/login", {"user_name": "a" * 70_000})

    assert answer.status_code == 413


def test_no_answer_allows_another_origin_by_default(site: Site) -> None:
    headers = {**site.token(), "Origin": "https://other.example"}

    assert "Access-Control-Allow-Origin" not in site.client().send("GET", "/api/v1/me", headers=headers).headers


def test_listed_origins_may_call_the_api_and_nothing_else(tmp_path: Path) -> None:
    site = make_site(tmp_path, cors_origins="https://friend.example,https://kind.example")
    token = site.token()

    def allowed(path: str, origin: str) -> str | None:
        answer = site.client().send("GET", path, headers={**token, "Origin": origin})
        assert "Access-Control-Allow-Credentials" not in answer.headers
        return answer.headers.get("Access-Control-Allow-Origin")

    assert allowed("/api/v1/me", "https://friend.example") == "https://friend.example"
    assert allowed("/api/v1/me", "https://other.example") is None
    assert allowed("/api/v1/me", "https://friend.example.evil.example") is None
    assert allowed("/api/v1/me", "null") is None
    assert allowed("/login", "https://friend.example") is None
    assert allowed("/help", "https://kind.example") is None


def test_a_preflight_names_the_methods_and_headers(tmp_path: Path) -> None:
    site = make_site(tmp_path, cors_origins="https://friend.example")
    asked = {
        "Origin": "https://friend.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "Authorization",
    }

    answer = site.client().send("OPTIONS", "/api/v1/alerts/a/ack", headers=asked)

    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, POST"
    assert answer.headers["Access-Control-Allow-Headers"] == "Authorization"


def test_the_error_page_says_nothing_of_the_fault(site: Site) -> None:
    def broken() -> str:
        raise RuntimeError("secret detail")

    broken.required_permission = None  # type: ignore[attr-defined]
    site.app.add_url_rule("/broken", "broken", broken)

    answer = site.client().get("/broken")

    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert "RuntimeError" not in answer.text


def test_too_many_requests_are_told_when_to_come_back(site: Site) -> None:
    browser = site.signed_in()
    site.app.config["READS_PER_MINUTE"] = 2

    answers = [browser.get("/help") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[-1].headers["Retry-After"] == "60"


def test_the_language_form_is_no_way_to_other_sites(site: Site) -> None:
    form = {"language": "en", "next": "//evil.example"}

    answer = site.client().send("POST", "/language", headers=SAME_ORIGIN, data=form)

    assert answer.headers["Location"].startswith("/login?lang=en")


@pytest.mark.parametrize("file", sorted(TEMPLATES.rglob("*.html")), ids=str)
def test_no_template_holds_script_style_or_handler(file: Path) -> None:
    text = file.read_text(encoding="utf-8")

    assert " style=" not in text
    assert "<style" not in text
    assert not re.search(r"\son[a-z]+\s*=", text)
    assert all("src=" in tag.split(">")[0] for tag in text.split("<script")[1:])
