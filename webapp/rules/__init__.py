"""When alerts are raised: the rules in force in words, and what a clinician sets for single patients."""
