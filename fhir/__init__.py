"""Everything FHIR, pure and without Spark: the shared vocabulary here, messages read by `parse`, written by `write`."""
