"""The closed lists of words that a message is told by, apart from its models, which take long to build."""

from __future__ import annotations

from typing import Literal, get_args

Kind = Literal["healthy-child-review", "speech-therapy-report", "sen-support-notice", "referral"]
KINDS: tuple[Kind, ...] = get_args(Kind)

AreaOfNeed = Literal[
    "communication-and-interaction",
    "cognition-and-learning",
    "social-emotional-and-mental-health",
    "sensory-and-or-physical",
]
"""The four broad areas of need (SEND Code of Practice 2015, 6.28 to 6.35)."""

Agency = Literal["education", "health", "social-care"]
AGENCIES: tuple[Agency, ...] = get_args(Agency)
