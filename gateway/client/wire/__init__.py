"""What crosses the wire: when a call is repeated, and how an Arrow answer is read."""
