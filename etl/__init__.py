"""Extract jobs: a client of the enforcement point with no back entrance. Extracts arrive with their own change."""
