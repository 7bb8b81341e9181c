"""Labelled data that judges what finds personal data."""
