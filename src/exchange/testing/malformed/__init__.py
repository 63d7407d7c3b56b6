"""Malformed submissions by the hundred thousand, beside valid ones, through a real exchange (docs/hostile-input.md)."""
