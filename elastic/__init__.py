"""Everything that knows Elasticsearch: client, names and ids, templates, bulk writes, searches."""
