"""From an order to training data: a client of the enforcement point with no back entrance.

Extracts, manifests, lineage, freshness, and what leaves the gateway by itself.
"""
