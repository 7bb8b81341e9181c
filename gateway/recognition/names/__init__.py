"""Names of people: which words are names, in which forms they come, what stands before and after them."""

from gateway.recognition.names.cues import Role, roles
from gateway.recognition.names.forms import bases, collapsed, is_form, within_one
from gateway.recognition.names.lexicon import (
    FIRST,
    FREQUENT,
    LANGUAGES,
    LAST,
    PLACE,
    is_common,
    is_word,
    languages_of,
    lexicon,
)

__all__ = [
    "FIRST",
    "FREQUENT",
    "LANGUAGES",
    "LAST",
    "PLACE",
    "Role",
    "bases",
    "collapsed",
    "is_common",
    "is_form",
    "is_word",
    "languages_of",
    "lexicon",
    "roles",
    "within_one",
]
