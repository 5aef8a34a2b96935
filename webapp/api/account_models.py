"""What the API answers about users, their tokens, and its own health."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from webapp.api.models import Output, When
from webapp.api.parameters import Scope


class Me(Output):
    """Who is asking."""

    user_name: str = Field(description="Name of the user.")
    role: str = Field(description="Role.")
    language: str = Field(description="Language of the pages.")
    by_token: bool = Field(description="Whether this request came with an API token.")
    permissions: list[str] = Field(description="What this request may do.")


class TokenInfo(Output):
    """An API token, without its secret."""

    token_id: str = Field(description="Id of the token.")
    name: str = Field(description="What it is for.")
    scopes: list[Scope] = Field(description="What it permits.")
    created_at: When = Field(description="When it was made.")
    expires_at: When = Field(description="When it ends.")
    last_used_at: When | None = Field(None, description="When it was used last.")


class CreatedToken(TokenInfo):
    """A new API token; its secret is shown this once."""

    token: str = Field(description="The whole token for the Authorization header: keep it secret.")


class TokenList(Output):
    """A user's own tokens."""

    items: list[TokenInfo]


class Health(Output):
    """Whether the site lives."""

    status: Literal["ok", "unavailable"] = Field(description="ok or unavailable.")


class Readiness(Health):
    """Whether the site can do its work."""

    elasticsearch: bool = Field(description="Whether Elasticsearch answers.")
    store: bool = Field(description="Whether the users' database answers.")
