"""Unit tests of producer/."""
