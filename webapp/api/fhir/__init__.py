"""FHIR R4 read endpoints: the stored documents as Patient, Observation, RiskAssessment and AuditEvent."""
