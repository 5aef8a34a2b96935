"""API tokens: shown once, checked in constant time, ended by date, by hand, and with their user."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.unit.webapp.site import Site
from webapp.security import tokens
from webapp.store import users


def status(site: Site, header: dict[str, str]) -> int:
    return site.client().send("GET", "/api/v1/me", headers=header).status_code


def test_a_token_opens_the_api_and_no_page(site: Site) -> None:
    header = site.token("viewer")

    assert status(site, header) == 200
    assert site.client().get("/patients", headers=header).headers["Location"] == "/login?next=/patients"


def test_the_store_keeps_no_secret(site: Site) -> None:
    text = site.token()["Authorization"].removeprefix("Bearer ")
    _, token_id, secret = text.split("_", 2)

    row = site.services.store.row("SELECT * FROM tokens WHERE id = ?", (token_id,))

    assert row is not None
    assert secret not in str(dict(row))
    assert len(secret) >= 43


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-1],
        lambda text: text + "x",
        lambda text: text.replace("bp_", "xx_", 1),
        lambda text: text.split("_")[0] + "_" + text.split("_")[1] + "_",
        lambda text: "bp_" + "0" * 12 + "_" + text.split("_", 2)[2],
        lambda text: text.upper(),
        lambda _text: "bp__",
        lambda _text: "é" * 40,
    ],
    ids=["shorter", "longer", "prefix", "no secret", "other id", "case", "empty parts", "not ascii"],
)
def test_a_damaged_token_opens_nothing(site: Site, damage: object) -> None:
    assert callable(damage)
    text = str(damage(site.token()["Authorization"].removeprefix("Bearer ")))

    assert status(site, {"Authorization": f"Bearer {text.encode().decode('latin-1')}"}) == 401


@pytest.mark.parametrize("scheme", ["Basic", "Token", ""])
def test_only_the_bearer_scheme_is_taken(site: Site, scheme: str) -> None:
    text = site.token()["Authorization"].removeprefix("Bearer ")

    answer = site.client().send("GET", "/api/v1/me", headers={"Authorization": f"{scheme} {text}".strip()})

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_in_the_address_is_not_looked_at(site: Site) -> None:
    text = site.token()["Authorization"].removeprefix("Bearer ")

    assert site.client().send("GET", f"/api/v1/me?access_token={text}").status_code == 401


def test_a_token_ends_with_its_time(site: Site) -> None:
    header = site.token()

    site.clock.pass_by(days=1, seconds=-1)
    assert status(site, header) == 200
    site.clock.pass_by(seconds=1)
    assert status(site, header) == 401


def test_a_token_ends_when_it_is_revoked_or_its_user_is_shut(site: Site) -> None:
    first, second = site.token(name="robot-1"), site.token(name="robot-2")
    (token,) = tokens.list_tokens(site.services.store, "robot-1")
    other = users.find(site.services.store, "robot-2")
    assert other

    assert tokens.revoke(site.services.store, token.id)
    users.set_disabled(site.services.store, other.id, True)

    assert [status(site, first), status(site, second)] == [401, 401]


def test_users_revoke_their_own_tokens_and_no_others(site: Site) -> None:
    header = site.token("viewer", name="paul")
    (his,) = tokens.list_tokens(site.services.store, "paul")

    assert site.signed_in(name="anne").post("/account/tokens/revoke", {"id": his.id}).status_code == 404
    assert status(site, header) == 200


@pytest.mark.parametrize(
    ("role", "changes"),
    [
        ("viewer", {"scopes": ["write:ack"]}),
        ("viewer", {"scopes": ["admin"]}),
        ("viewer", {"scopes": []}),
        ("admin", {"scopes": ["read:observations"]}),
        ("viewer", {"name": " "}),
        ("viewer", {"name": "n" * 61}),
        ("viewer", {"lifetime": timedelta(days=366)}),
        ("viewer", {"lifetime": timedelta(0)}),
    ],
    ids=str,
)
def test_a_token_beyond_the_rules_is_not_made(site: Site, role: str, changes: dict[str, object]) -> None:
    user = site.add_user("anne", role)
    given: dict[str, object] = {"name": "test", "scopes": ["read:observations"], "lifetime": timedelta(days=1)}

    with pytest.raises(tokens.TokenError):
        tokens.create(site.services.store, user, now=site.clock.now, **(given | changes))  # type: ignore[arg-type]

    assert tokens.list_tokens(site.services.store) == []


def test_use_is_noted_at_most_once_a_minute(site: Site) -> None:
    header = site.token()
    began = site.clock.now
    for _ in range(3):
        status(site, header)
        site.clock.pass_by(seconds=25)

    (token,) = tokens.list_tokens(site.services.store)
    assert token.used_at == began
