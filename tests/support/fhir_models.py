"""The R4B models of the package fhir.resources, whose own folder is named `fhir` as ours is."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import distribution
from typing import Any

import fhir

THEIRS = str(distribution("fhir.resources").locate_file("fhir"))


def r4b(resource_type: str) -> Any:
    """Return the model of a resource type, such as ``Observation``; ours is found first, theirs stands behind it."""
    if THEIRS not in fhir.__path__:
        fhir.__path__.append(THEIRS)
    return getattr(import_module(f"fhir.resources.R4B.{resource_type.lower()}"), resource_type)
