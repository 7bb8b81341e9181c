"""Frozen data classes: the words that rooms exchange. No I/O, no decisions."""
