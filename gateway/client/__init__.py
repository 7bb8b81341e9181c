"""The Python client. It talks HTTP and imports nothing else of the gateway."""

from gateway.client.answers.decision import ColumnDecision, Decision
from gateway.client.answers.explanation import Explanation
from gateway.client.answers.result import Result
from gateway.client.connection import Answer, Client
from gateway.client.errors import (
    Damaged,
    ExtractFailed,
    Incomplete,
    InvalidRequest,
    LimitReached,
    NotConfigured,
    PolicyDenied,
    Refused,
    StaleVersion,
    Unauthenticated,
    Unavailable,
    Unreachable,
)
from gateway.client.extracts.job import Extract
from gateway.client.extracts.version import Version
from gateway.client.session import Gateway, connect
from gateway.client.webhooks import Forged, verify_webhook

__all__ = [
    "Answer",
    "Client",
    "ColumnDecision",
    "Damaged",
    "Decision",
    "Explanation",
    "Extract",
    "ExtractFailed",
    "Forged",
    "Gateway",
    "Incomplete",
    "InvalidRequest",
    "LimitReached",
    "NotConfigured",
    "PolicyDenied",
    "Refused",
    "Result",
    "StaleVersion",
    "Unauthenticated",
    "Unavailable",
    "Unreachable",
    "Version",
    "connect",
    "verify_webhook",
]
