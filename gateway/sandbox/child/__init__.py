"""What runs in a child: `python -I <this folder> SPEC`. Imports the standard library, duckdb, pyarrow and itself.

Never the gateway: a child holds nothing that the gateway did not send. The other way round the gateway reads
`frames` for the layout of the wire.
"""
