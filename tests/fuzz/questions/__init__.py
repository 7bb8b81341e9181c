"""Random questions.

expressions.py  values and conditions
selects.py      whole queries; guarded.py those about groups
asked.py        what one person asks of two worlds, with forms, doors and parameters
"""
