"""Patients: the list with filters, a patient's page and targets, the printable report."""
