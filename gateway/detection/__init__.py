"""Looks for personal data in texts and tables, in worker processes that can do nothing else.

A text is written by anybody, and may be made to hang or break what reads it (T13). So it is read by processes that
hold no key, no file and no network, and answer places and kinds only; a text that is too long or too slow, or that ends
its worker, is to be removed whole: a hostile value costs one value. What comes back is hostile until checked.
"""

from gateway.detection.limits import DetectionLimits, Knowledge
from gateway.detection.pool import DetectorPool

__all__ = ["DetectionLimits", "DetectorPool", "Knowledge"]
