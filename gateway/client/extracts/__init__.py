"""Extracts as handles: a job that one waits for, and the dataset version that it becomes."""
