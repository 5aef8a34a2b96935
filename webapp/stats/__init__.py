"""The statistics page: figures over all patients."""
