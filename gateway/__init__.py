"""A policy-enforced gateway between production databases and those who build models.

Every request, from every door, walks through the same rooms in the same order, and the
rooms do not know each other: docs/flow.md names the files in that order.
"""

__version__ = "0.1.0"
