"""What may be said about groups of data subjects.

1. A group is released only with at least `threshold` distinct data subjects, and with none or that many who contribute
   to each measured column; rows do not count, nulls are nobody.
2. A total minus released groups tells of nobody or of that many: else further groups are suppressed, smallest first.
3. A suppressed group is not there. Who is in it may decide which others are not; its values decide nothing.
4. Sums are exact; what does not fit its type ends the answer instead of wrapping around.

NOTE: disclosure control, not anonymity: crossing groupings can be combined, and filters subtracted. The caller pins one
filter for each dataset and release window (ports.ReleaseWindows).
"""

from gateway.protection.release import FLOOR, release

__all__ = ["FLOOR", "release"]
