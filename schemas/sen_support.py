"""The school's or setting's SEN support notice."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Day, Model, Text, Word
from schemas.speech_therapy import Provision

SenProvision = Literal["N", "K", "E"]
"""School census SENprovision: N none, K SEN support, E education, health and care plan."""


class Need(Model):
    """A type of need by the DfE's code, ranked. An unknown code travels word for word."""

    type: Word
    """School census SENtype, such as `SLCN`."""
    rank: Annotated[int, Field(ge=1, le=20)] | None = None
    description: Text | None = None


class ParentsTold(Model):
    """That the parents were told of the provision (Children and Families Act 2014 s.68)."""

    on: Day
    by: Word | None = None
    said: Text | None = None


class SenSupportNotice(Model):
    """SEN support begun, changed or ended."""

    start: Day
    """From when this provision stands."""
    start_is: Literal["first-seen"] | None = None
    """`first-seen`: the sender's system holds no start; the day stands in on which it was first
    seen."""
    provision: SenProvision
    provision_before: SenProvision | None = None
    needs: tuple[Need, ...] = ()
    stage: Literal["assess", "plan", "do", "review"] | None = None
    """Stage of the graduated approach (SEND Code of Practice 6.44)."""
    outcomes: tuple[Text, ...] = ()
    """Outcomes sought."""
    support: tuple[Provision, ...] = ()
    parents_told: ParentsTold | None = None
