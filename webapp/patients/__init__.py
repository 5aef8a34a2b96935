"""Patients: the list with filters, a patient's page and targets, the printable report."""

from __future__ import annotations

from webapp.patients.views import blueprint

__all__ = ["blueprint"]
