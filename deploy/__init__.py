"""What containers and clusters run once before the system: secrets, accounts, topic; and how jobs are packed."""
