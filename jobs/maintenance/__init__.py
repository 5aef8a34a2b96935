"""What the maintenance commands share: retention and removal."""
