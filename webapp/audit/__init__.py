"""The audit: who saw which patient, and when."""
