"""Masks that keep a value's format: FF1 over the characters that may change, in place, and a way back."""
