"""Unit tests of ml/."""
