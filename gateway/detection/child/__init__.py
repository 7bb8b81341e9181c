"""What runs in a worker: `python -I <this folder> SPEC`.

Imports the standard library, pyarrow, itself, `gateway.isolation`, `gateway.recognition` and the terms that those need:
no key, no connection, no policy is in reach of what reads texts that outsiders wrote. The gateway reads `frames` for
the layout of the wire.
"""
