"""Settings, errors, clinical constants and every configuration file."""
