"""Losses, and how they are found by name."""
