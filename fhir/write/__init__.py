"""FHIR R4 Observations of readings, as devices and servers write them."""
