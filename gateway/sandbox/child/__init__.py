"""What runs in a child: `python -I <this folder> SPEC`.

Imports the standard library, duckdb, pyarrow, itself, and `gateway.isolation`, by which it gives up its rights; never
another part of the gateway: a child holds nothing that the gateway did not send. The other way round the gateway
reads `frames` for the layout of the wire.
"""
