"""From the bytes of a message to readings, rejects and retractions."""
