"""A real Kafka broker and a real Elasticsearch node for one machine, without containers; see `embedded.services`."""
