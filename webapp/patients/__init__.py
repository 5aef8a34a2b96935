"""Patients: the list with filters, a patient's page, the printable report."""

from __future__ import annotations

from webapp.patients.views import blueprint

__all__ = ["blueprint"]
