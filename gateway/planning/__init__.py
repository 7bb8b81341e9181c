"""What a decision allows a query to do, as scans and generated SQL. Pure: no I/O, no data.

1. Mentions of a dataset become scans, which read the columns that they need, and no more: a column whose mask needs
   no values is released and not read (scans/: pre-filters, shared scans, groups near the data).
2. No expression of the user reaches a source. What does are typed Predicates: comparisons with literals of columns that
   the asker sees unmasked, and `dimension = literal`, `dimension IN (literals)` at the aggregated level.
3. A SELECT that reads a dataset at the aggregated level reads released groups, never rows: guarded.py or a refusal.
4. The SQL names scans and CTEs only, and is generated from the checked tree.
"""

from gateway.planning.cell import cell_text
from gateway.planning.plan import ORDER_COLUMN, for_dataset, make_plan, recovery_plan, watermark_scan

__all__ = ["ORDER_COLUMN", "cell_text", "for_dataset", "make_plan", "recovery_plan", "watermark_scan"]
