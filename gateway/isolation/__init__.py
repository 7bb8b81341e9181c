"""What every child process gives up, and how the gateway speaks with it: shared by rooms that run such children.

`confine`, `seccomp` and `frames` run in the child, and import the standard library and pyarrow only; `process` and
`wire` are the gateway's side, for which every byte that comes from a child is hostile. Imports nothing itself: a child
takes from here what it needs and no more of the gateway.
"""
