"""The system page: is the pipeline alive, and what does it tell of itself."""
