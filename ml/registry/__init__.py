"""Model bundles on disk, and which version is in service."""
