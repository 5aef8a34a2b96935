"""Kibana dashboards: their generator, the generated `saved_objects.ndjson` and its importer."""
