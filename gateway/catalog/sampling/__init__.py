"""A sample of one table as counts, shares, keyed hashes and rounded quantiles. Rows stay in here."""

from gateway.catalog.sampling.facts import ColumnFacts, Hashes, Sample, TableFacts, read_sample, rows_of, unsampled
from gateway.catalog.sampling.spread import Spread

__all__ = ["ColumnFacts", "Hashes", "Sample", "Spread", "TableFacts", "read_sample", "rows_of", "unsampled"]
