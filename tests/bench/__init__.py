"""Measured claims: `python -m tests.bench [--only PREFIX]` writes .bench/results.json."""
