"""The ward's site: a thin Flask application over Elasticsearch."""
