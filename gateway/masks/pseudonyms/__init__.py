"""Pseudonyms and what is made of them: keyed tags of identifiers, written in several forms."""
