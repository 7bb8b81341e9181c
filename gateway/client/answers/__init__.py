"""What a query gets: its rows as Arrow, pandas or Polars, and what was decided about each column."""
