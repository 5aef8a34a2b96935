"""Answering alerts: the form, what it says, and what became of it; with a script in a dialogue, else on pages."""
