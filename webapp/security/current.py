"""Who asks: the principal of the current request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import g

from alerts.answering import Person
from elastic.scope import NOBODYS, Scope
from webapp.security.roles import ROLES, Permission


@dataclass(frozen=True)
class Principal:
    """A known user, by browser session or by API token."""

    user_name: str
    role: str
    language: str
    session_hash: str  # SHA-256 of the session id, or of the token
    scopes: frozenset[str] = frozenset()
    wards: frozenset[str] = frozenset()  # that the account is bound to; none: it sees all patients
    chosen_ward: str = ""
    is_token: bool = False
    sound: bool = True  # whether this user's pages sound, and take single keys
    shortcuts: bool = True
    idle_at: datetime | None = None  # when the session falls idle unless somebody acts
    is_idle: bool = False  # it has: only the masked board is left

    @property
    def permissions(self) -> frozenset[Permission]:
        """Return all that this principal may do: the role's rights, for a token only those among its scopes.

        An idle session has those of a wall: what it showed stays readable, masked, and asks for the password to act.
        """
        granted = ROLES.get("kiosk" if self.is_idle else self.role, frozenset())
        if not self.is_token:
            return granted
        return granted & {*self.scopes, Permission.SIGNED_IN}

    @property
    def scope(self) -> Scope:
        """Return whose documents this principal may see; who runs the site is bound to no ward."""
        is_bound = self.wards and self.role != "admin"
        return Scope(self.wards) if is_bound else Scope()

    def allows(self, permission: Permission) -> bool:
        """Tell whether this principal holds `permission`."""
        return permission in self.permissions


def principal() -> Principal:
    """Return the principal of this request; raises LookupError on a public page that nobody is signed in to."""
    known = principal_or_none()
    if known is None:
        raise LookupError("nobody is signed in")
    return known


def principal_or_none() -> Principal | None:
    """Return the principal of this request, None when nobody is signed in."""
    found = g.get("principal")
    return found if isinstance(found, Principal) else None


def scope_of_reader() -> Scope:
    """Return whose documents this request may show: without anybody signed in, those that are about no patient."""
    known = principal_or_none()
    return known.scope if known else NOBODYS


def person() -> Person:
    """Return who is signed in, as the journal of alerts names people."""
    known = principal()
    return Person(known.user_name, known.role)
