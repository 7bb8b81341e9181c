"""Runs the user's SQL over released streams, in a child process that can do nothing else.

A child has no environment, files, network or keys, and belongs to one (principal, purpose, grants, bundle).
What it sends is hostile until checked; what it reports counts only as a whole. Limits are the kernel's,
and SIGKILL the last one.
"""

from gateway.sandbox.limits import Binding, SandboxLimits, Spill
from gateway.sandbox.pool import Sandbox
from gateway.sandbox.process import protect_memory

__all__ = ["Binding", "Sandbox", "SandboxLimits", "Spill", "protect_memory"]
