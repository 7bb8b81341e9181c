"""The mask of free texts: what is found in them, and what is written in its place."""
