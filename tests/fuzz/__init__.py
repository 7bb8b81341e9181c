"""Two-world fuzzing (DESIGN §8): random SQL, asked in two worlds that differ only in what the asker may not see.

`python -m tests.fuzz --queries 10000 --seed 7` is the long form; tests/adversary/test_fuzz.py is the suite's.

    bank.py      a bank of four sources, and the people who ask; policies/ adds to the repository's
    other.py     for each of them another bank that looks the same
    worlds.py    two gateways over two banks, and all that each tells; watching.py looks into their rooms
    grammar.py   expressions; selects.py whole queries; guarded.py those about groups
    shrink.py    a failing query made small
    campaign.py  many queries, one report
"""
