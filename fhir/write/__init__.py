"""FHIR Observations of readings, as devices and servers send them."""
