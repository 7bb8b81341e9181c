"""What all sources share when they say what is in them: schemas are put together here, samples drawn in sampling.py."""

from gateway.sources.described.drafts import MAX_COLUMNS, Draft, Drafts
from gateway.sources.described.queries import COMMENT_CHARACTERS, MAX_DEFINITION, queries_of

__all__ = ["COMMENT_CHARACTERS", "MAX_COLUMNS", "MAX_DEFINITION", "Draft", "Drafts", "queries_of"]
