"""Simulated patients that send FHIR Observations to Kafka."""
