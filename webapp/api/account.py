"""Who is asking, and the own tokens; tokens are handled by people at a browser, never by a token."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

from webapp.api.documents import CreatedToken, Me, TokenList
from webapp.api.inputs import NewToken, TokenPath
from webapp.api.problems import ApiError, fault
from webapp.api.routes import Answer, operation
from webapp.audit import events
from webapp.security import tokens
from webapp.security.current import Principal, principal
from webapp.security.roles import Permission
from webapp.services import services
from webapp.store import users


@operation("GET /api/v1/me", Permission.SIGNED_IN, Me, tag="account")
def get_me() -> Me:
    """Show who is asking, and what this request may do."""
    return Me.model_validate(principal())


@operation("GET /api/v1/tokens", Permission.ACCOUNT, TokenList, tag="account")
def list_tokens() -> TokenList:
    """List your own tokens, without their secrets."""
    found = tokens.list_tokens(services().store, _person().user_name)
    return TokenList.model_validate({"items": found})


@operation("POST /api/v1/tokens", Permission.ACCOUNT, CreatedToken, tag="account", status=201)
def create_token(body: NewToken) -> Answer:
    """Make a token within your own rights; its secret is shown this once."""
    site, owner = services(), _person()
    user = users.find(site.store, owner.user_name)
    if user is None:
        raise ApiError(401)
    lifetime = timedelta(days=body.days)
    try:
        text = tokens.create(site.store, user, name=body.name, scopes=body.scopes, lifetime=lifetime, now=site.clock())
    except tokens.TokenError as error:
        raise fault("body", str(error)) from error
    own = tokens.list_tokens(site.store, owner.user_name)
    made = next(token for token in own if token.id == tokens.id_of(text))
    events.record("token_created", target=events.of_owner(owner.user_name, made.id))
    return Answer(CreatedToken.model_validate({**asdict(made), "token": text}))


@operation("DELETE /api/v1/tokens/<token_id>", Permission.ACCOUNT, None, tag="account", status=204)
def delete_token(path: TokenPath) -> Answer:
    """End one of your own tokens."""
    owner = _person()
    if not tokens.revoke(services().store, path.token_id, owner.user_name):
        raise ApiError(404)
    events.record("token_revoked", target=events.of_owner(owner.user_name, path.token_id))
    return Answer(b"")


def _person() -> Principal:
    """Return who is asking; raise the 403 for a token."""
    known = principal()
    if known.is_token:
        raise ApiError(403, "Tokens are handled in a browser session, not by a token.")
    return known
