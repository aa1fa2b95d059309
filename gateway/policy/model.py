"""The policy as values: bases, routes, views, guards, holds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr
from pydantic.alias_generators import to_camel

from gateway.policy.views import allowed
from schemas.message import Agency

Scalar = bool | int | str
Path = str


class _Entry(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_alias=True
    )


class Not(_Entry):
    """None of these values."""

    no: tuple[Scalar, ...] = Field(alias="not")


Expected = Scalar | tuple[Scalar, ...] | Not
Conditions = Mapping[Path, Expected]
"""What must hold: field or fact, and the value, values, `stated` or `not-stated` expected."""


class Need(_Entry):
    """One fact that a basis needs, and how its absence is said to the sender."""

    fact: Path
    expected: Scalar | tuple[Scalar, ...] = Field(alias="is")
    missing: str
    at: Path | None = None
    """The canonical field to name where the fact is none."""


class Basis(_Entry):
    """A legal ground with its conditions, and its three layers."""

    title: str
    on: bool
    applies: Conditions
    needs: tuple[Need, ...]
    marks: tuple[Need, ...] = ()
    """What does not hold the alert, but is marked on it where it is missing."""
    refused: Literal["stops", "does-not-stop", "not-asked"]
    """What refused or withdrawn agreement does."""
    refusal_travels_to: tuple[Agency, ...] = ()
    """Agencies that are told of a refusal; others see `speak-to-sender-first`."""
    disagreement: Literal["holds", "goes-on"]
    home_in_area: Literal["required"] | None = None
    precedes_holds: bool = False
    power: str
    confidence: str
    uk_gdpr: str = Field(alias="ukGdpr")
    checked: str
    owner: str | None = None
    review_by: date | None = None


class StandingJudgement(_Entry):
    """A judgement under s.16LA signed for a class of findings (never for social care)."""

    signed_by: str
    """The sender's Caldicott Guardian."""
    on: date
    review_by: date


def _else(value: Any) -> Any:
    """Read `s23, else s16la, else s24-attention`."""
    if isinstance(value, str):
        return tuple(part.strip().removeprefix("else ").strip() for part in value.split(","))
    return value


class Route(_Entry):
    """One rule: when, to whom, on which basis, through which view."""

    title: str
    when: Conditions
    to: str
    """`general-practice`, `setting`, `referral-service`, `health-referrer`, `other-referrer`,
    `voluntary-bodies`, or a role of the directory."""
    agency: Annotated[Agency | None, BeforeValidator(lambda v: None if v == "none" else v)]
    """`none` in the file: no agency's hub reads for this recipient."""
    basis: Annotated[tuple[str, ...], BeforeValidator(_else)]
    purpose: str
    view: str | None = None
    never: tuple[Path, ...] = ()
    """Fields that this route's view must not reach; checked when the policy is loaded."""
    urgent_when: Conditions | Literal["always"] | None = None
    speed: str | None = None
    recipient_unknown: Literal["hold", "silence"] = "hold"
    channel: Literal["none"] | None = None
    adds_to: tuple[str, ...] = ()
    """The routes to which this one adds a recipient; view and speed are theirs."""
    standing_judgement: StandingJudgement | None = None
    owner: str | None = None
    review_by: date | None = None


Precision = Literal["year-month", "outward", "first", "computed"]
Field_ = str | dict[str, Precision]


class View(_Entry):
    """A named allow-list of canonical fields."""

    uses: tuple[str, ...] = ()
    fields: tuple[Field_, ...]


class Ceiling(_Entry):
    """What one agency may see at most."""

    ceiling: tuple[Path, ...]


class Guard(_Entry):
    """Fields that are cut from every view where a condition holds."""

    title: str
    when: Conditions
    cut: tuple[Path, ...]
    exempt: tuple[Agency, ...] = Field(default=(), alias="except")
    says: str | None = None
    """What the receiver is told instead."""


class Hold(_Entry):
    """A reason for which an alert may not go, in words, and what to do."""

    says: str
    do: str
    owner: str


class Policy(_Entry):
    """The whole policy, as the file says it."""

    title: str
    version: str
    owner: str
    review_by: date
    source: str
    bases: Mapping[str, Basis]
    agencies: Mapping[Agency, Ceiling]
    views: Mapping[str, View]
    guards: tuple[Guard, ...] = ()
    routes: Mapping[str, Route]
    holds: Mapping[str, Hold]

    _fields: dict[str, dict[Path, Precision | None]] = PrivateAttr(default_factory=dict)

    def fields(self, name: str) -> Mapping[Path, Precision | None]:
        """Return what a route shows: its view, cut to the agency's ceiling.

        A route that adds a recipient to another shows that one's view, less what it never shows.
        """
        if name not in self._fields:
            route = self.routes[name]
            assert route.view is not None
            reach = self.reach(route.view)
            if route.agency:
                ceiling = self.agencies[route.agency].ceiling
                reach = {path: how for path, how in reach.items() if allowed(path, ceiling)}
            if route.adds_to:
                reach = {path: how for path, how in reach.items() if not allowed(path, route.never)}
            self._fields[name] = reach
        return self._fields[name]

    def reach(self, view: str) -> dict[Path, Precision | None]:
        """Return the fields of a view with those of the views that it uses, and their precision."""
        entry = self.views[view]
        fields: dict[Path, Precision | None] = {}
        for used in entry.uses:
            fields |= self.reach(used)
        for field in entry.fields:
            if isinstance(field, str):
                fields[field] = None
            else:
                fields |= field
        return fields
