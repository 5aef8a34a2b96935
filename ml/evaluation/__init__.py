"""How good a model is: metrics, curves, alarms, reference models, gates."""
