"""Kernels by the kind of value that they are for: numbers, dates, texts, listed values."""
