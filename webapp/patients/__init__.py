"""Patients: the list with filters and kept views, a patient's page and targets, the printable report."""

from __future__ import annotations

from webapp.patients import views_of_list
from webapp.patients.views import blueprint

__all__ = ["blueprint", "views_of_list"]
