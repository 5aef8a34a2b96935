"""The parts of the streaming job, from the topic to the documents."""
