"""Two-world fuzzing (DESIGN §8): random SQL, asked in two worlds that differ only in what the asker may not see.

`python -m tests.fuzz --queries 10000 --seed 7 --processes 2` is the long form; tests/adversary/test_fuzz.py is the
suite's.

    banks/        banks of files and servers, the people who ask, and for each of them another bank that looks the same
    questions/    expressions, queries, and what one person asks
    worlds.py     two gateways over two banks, and all that each tells; watching.py looks into their rooms
    campaign.py   many questions, one report; shrink.py makes a failing query small
    processes.py  many blocks, several processes, and a file to go on from
"""
