"""What a decision allows a query to do, as scans and generated SQL. Pure: no I/O, no data.

1. Each mention of a dataset becomes a scan of its own, which reads the columns that this mention needs, and no more:
   a column whose mask needs no values is released and not read.
2. No expression of the user reaches a source. One exception: `dimension = literal` and `dimension IN (literals)`
   over a dataset at the aggregated level, as a typed Predicate.
3. A SELECT that reads a dataset at the aggregated level reads released groups, never rows: guarded.py or a refusal.
4. The SQL names scans and CTEs only, and is generated from the checked tree.
"""

from gateway.planning.cell import cell_text
from gateway.planning.plan import ORDER_COLUMN, for_dataset, make_plan, watermark_scan

__all__ = ["ORDER_COLUMN", "cell_text", "for_dataset", "make_plan", "watermark_scan"]
