"""Lineage: which model was trained on which dataset version, made of which columns, under which policy and grants.

Law of the room: metadata only. One sees one's own; who reads the log sees all. What is another's answers like what
does not exist, and a dataset that the asker may not know of appears under an opaque name (T25). A dataset version is
immutable and so is a model's registration, so an answer about them never changes; grants and policy carry their state.
"""

from etl.lineage.desk import LineageDesk
from etl.lineage.entrance import OpaqueNames
from etl.lineage.grants import GrantBook
from etl.lineage.graph import Edge, Graph, Node
from etl.lineage.models import ModelDesk, Registration
from etl.lineage.openlineage import EventWriter
from etl.lineage.reporting import Reporter

__all__ = [
    "Edge",
    "EventWriter",
    "GrantBook",
    "Graph",
    "LineageDesk",
    "ModelDesk",
    "Node",
    "OpaqueNames",
    "Registration",
    "Reporter",
]
