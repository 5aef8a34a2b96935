"""Simulated patients: who they are, their days and nights, and what a cuff shows."""
