"""Which columns of a table hold personal data: a proposal, with its evidence, that a person confirms.

Values before names: check digits find identifiers whatever they are called. Names, types and coded values find what
describes a person. What nothing speaks for is not sure, and what is not sure is masked as an identifier until reviewed.
No verdict holds a value; nothing raises on one.
"""

from gateway.recognition.columns.lexicon import DEFAULT, Lexicon
from gateway.recognition.columns.table import classify_table

__all__ = ["DEFAULT", "Lexicon", "classify_table"]
