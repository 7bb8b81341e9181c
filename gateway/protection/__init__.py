"""What may be said about groups of data subjects.

1. A group is released iff it has at least `threshold` distinct data subjects; rows do not count, nulls are nobody.
2. A group that is suppressed and a group that does not exist look alike: neither is there.
3. Nothing that is released depends on a suppressed group: not the order, not the bytes.
4. Sums are exact; what does not fit its type ends the answer instead of wrapping around.

NOTE: a threshold is disclosure control, not anonymity: two answers can be subtracted. The caller pins one filter
for each dataset and release window (ports.ReleaseWindows).
"""

from gateway.protection.release import FLOOR, release

__all__ = ["FLOOR", "release"]
