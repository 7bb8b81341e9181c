"""The queries of TPC-H and TPC-DS through the whole gateway, beside the databases' own answers.

The texts and the data come from DuckDB's own extensions, which exist as wheels for one older release only: they live
in an environment of their own, made once, from pinned hashes (requirements.txt).
"""
