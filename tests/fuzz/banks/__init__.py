"""The banks of both worlds, and the people who ask about them.

people.py   who asks; policies/ adds to the repository's own
tables.py   the first world's rows; served.py those on servers
other.py    for each person another bank that looks the same
files.py    tables into files; servers.py into PostgreSQL and MariaDB
"""
