"""The attacks, each by its id: docs/threat-model.md has the table.

questions.py        sections A, B and C as data
test_served.py      asked through HTTP and the command line; test_in_two_worlds.py in two worlds
test_a_*.py …       more of each section, and what needs a broken or a second gateway
attackers.py        who asks them, and the oracles
"""
