"""The Spark jobs, and the pure functions they wire together."""
