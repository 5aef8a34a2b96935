"""The parts of retraining and judging: history, candidate, reference models, outcomes."""
