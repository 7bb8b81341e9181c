"""How SQLite stores a column, by the word that it is declared with."""

from __future__ import annotations


def affinity(declared_type: str) -> str:
    """SQLite's rule (Datatypes In SQLite, 3.1), in its order."""
    upper = declared_type.upper()
    rules = (("integer", ("INT",)), ("text", ("CHAR", "CLOB", "TEXT")), ("blob", ("BLOB",)))
    for name, words in (*rules, ("real", ("REAL", "FLOA", "DOUB"))):
        if any(word in upper for word in words):
            return name
    return "numeric" if upper else "blob"
