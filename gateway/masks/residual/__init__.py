"""The residual scan: no identifier leaves in a column that nobody knew to hold one.

It looks at what the masks gave, batch by batch, before it is handed on; a finding ends the stream, naming column and
kind. Candidates are found by RE2, in time linear in the text whatever it is made of, and confirmed by check digit.
What is released at the full level is not looked at, nor what a mask made up, nor a label inside a text.
A net for a wrong catalog, not a second mask: at most PLACES values of one text and kind are looked at.
"""

from gateway.masks.residual.scan import ResidualScan, residual_scan

__all__ = ["ResidualScan", "residual_scan"]
