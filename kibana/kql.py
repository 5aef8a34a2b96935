"""The few forms of Kibana's query language that the dashboards use."""

from __future__ import annotations

from typing import Final

from conf.clinical import CRISIS_DIASTOLIC, CRISIS_SYSTOLIC
from kibana.saved import Json


def query(text: str = "") -> Json:
    """A query as Kibana stores it; an empty text asks for everything."""
    return {"query": text, "language": "kuery"}


def equals(field: str, value: str) -> str:
    """Documents whose field has this value."""
    return f'{field} : "{value}"'


def number(field: str, value: float) -> str:
    """Documents whose field is this number."""
    return f"{field} : {value}"


def is_true(field: str) -> str:
    """Documents whose field is true."""
    return f"{field} : true"


def is_false(field: str) -> str:
    """Documents whose field is false."""
    return f"{field} : false"


def present(field: str) -> str:
    """Documents that have this field."""
    return f"{field} : *"


def absent(field: str) -> str:
    """Documents that lack this field."""
    return f"not {field} : *"


def both(*parts: str) -> str:
    """Documents that every part asks for."""
    return " and ".join(parts)


CRISIS: Final = f"systolic >= {CRISIS_SYSTOLIC} or diastolic >= {CRISIS_DIASTOLIC}"
