"""What tells personal data."""
