"""Pure-Python reading of FHIR blood-pressure messages: bytes in, readings and rejects out. No Spark here."""
