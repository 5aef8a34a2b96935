"""The few forms of Kibana's query language that the dashboards use."""

from __future__ import annotations

from conf.canary import CANARY_PREFIX
from conf.times import CLOCK_TOLERANCE_US, SECOND_US
from kibana.saved import Json


def query(text: str = "") -> Json:
    """Return a query as Kibana stores it; an empty text asks for everything."""
    return {"query": text, "language": "kuery"}


def equals(field: str, value: str) -> str:
    """Ask for documents whose field has this value."""
    return f'{field} : "{value}"'


def number(field: str, value: float) -> str:
    """Ask for documents whose field is this number."""
    return f"{field} : {value}"


def is_true(field: str) -> str:
    """Ask for documents whose field is true."""
    return f"{field} : true"


def is_false(field: str) -> str:
    """Ask for documents whose field is false."""
    return f"{field} : false"


def present(field: str) -> str:
    """Ask for documents that have this field."""
    return f"{field} : *"


def absent(field: str) -> str:
    """Ask for documents that lack this field."""
    return f"not {field} : *"


def has_come() -> str:
    """Ask for documents that do not lie in the future, whatever the range shown: a range such as today ends there."""
    return f'@timestamp <= "now+{CLOCK_TOLERANCE_US // SECOND_US}s"'


def no_canary() -> str:
    """Ask for documents that are not of a canary, who is no patient."""
    return f"not patient_id : {CANARY_PREFIX}*"


def both(*parts: str) -> str:
    """Ask for documents that every part asks for."""
    return " and ".join(parts)
