"""Who is asking, and the own tokens; tokens are handled by people at a browser, never by a token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from webapp.api.account_models import CreatedToken, Me, TokenList
from webapp.api.operations import Answer
from webapp.api.parameters import NewToken
from webapp.api.problems import ApiError, Fault
from webapp.api.routes import operation
from webapp.audit.events import record, token
from webapp.security import tokens
from webapp.security.current import Principal, principal
from webapp.security.roles import Permission
from webapp.services import services
from webapp.store import users


@operation(
    "GET",
    "/api/v1/me",
    tag="account",
    summary="Who is asking, and what this request may do",
    permission=Permission.SIGNED_IN,
    answer=Me,
)
def get_me() -> Me:
    """The principal of this request."""
    known = principal()
    return Me(
        user_name=known.user_name,
        role=known.role,
        language=known.language,
        by_token=known.is_token,
        permissions=sorted(known.permissions),
    )


@operation(
    "GET",
    "/api/v1/tokens",
    tag="account",
    summary="Your own tokens, without their secrets",
    permission=Permission.ACCOUNT,
    answer=TokenList,
    session_only=True,
)
def list_tokens() -> TokenList:
    """The tokens of the user."""
    owner = _person()
    return TokenList.model_validate(
        {"items": [_info(one) for one in tokens.list_tokens(services().store, owner.user_name)]}
    )


@operation(
    "POST",
    "/api/v1/tokens",
    tag="account",
    summary="Make a token; its secret is shown this once",
    permission=Permission.ACCOUNT,
    body=NewToken,
    answer=CreatedToken,
    status=201,
    session_only=True,
    problems=(400, 415),
)
def create_token(body: NewToken) -> Answer:
    """A new token within the rights of the user."""
    site, owner = services(), _person()
    user = users.find(site.store, owner.user_name)
    if user is None:
        raise ApiError(401)
    try:
        text = tokens.create(
            site.store,
            user,
            name=body.name,
            scopes=body.scopes,
            lifetime=timedelta(days=body.days),
            now=site.clock(),
        )
    except tokens.TokenError as error:
        raise ApiError(422, faults=[Fault(location="body", message=str(error))]) from error
    made = next(one for one in tokens.list_tokens(site.store, owner.user_name) if one.id == tokens.id_of(text))
    record("token_created", target=token(owner.user_name, made.id))
    return Answer(CreatedToken.model_validate({**_info(made), "token": text}))


@operation(
    "DELETE",
    "/api/v1/tokens/<token_id>",
    tag="account",
    summary="End one of your own tokens",
    permission=Permission.ACCOUNT,
    answer=None,
    status=204,
    session_only=True,
    problems=(404,),
)
def delete_token(token_id: str) -> Answer:
    """End a token; the token of somebody else is not there."""
    owner = _person()
    if not tokens.revoke(services().store, token_id, owner.user_name):
        raise ApiError(404)
    record("token_revoked", target=token(owner.user_name, token_id))
    return Answer(b"")


def _person() -> Principal:
    known = principal()
    if known.is_token:
        raise ApiError(403, "Tokens are handled in a browser session, not by a token.")
    return known


def _info(token: tokens.Token) -> Mapping[str, Any]:
    return {
        **asdict(token),
        "token_id": token.id,
        "scopes": sorted(token.scopes),
        "last_used_at": token.used_at,
    }
