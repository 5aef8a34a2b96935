"""The live board: patients by urgency, measured and predicted side by side, alerts and their acknowledgement."""
