"""Loads the policy file strictly: every fault at once, with its line and what would be right.

PolicyFaults   the file cannot be the policy
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from gateway.policy.model import Conditions, Expected, Not, Policy, Route, View
from gateway.policy.views import allowed
from gateway.policy.vocabulary import FACTS, HOLD_REASONS, PURPOSES, RECIPIENTS
from gateway.yaml_source import SourceFault, SourceFaults, YamlSource
from schemas.fields import choices, declared, holds, nearest, resolve
from schemas.message import AGENCIES

DEFAULT = Path(__file__).with_name("default.yaml")


class PolicyFaults(SourceFaults):
    """The policy file is not in order. Nothing is decided until it is."""


def load_policy(path: Path = DEFAULT, roles: Iterable[str] | None = None) -> Policy:
    """Load and check a policy file. `roles` are the directory's, where they are to be checked.

    Raises:
        PolicyFaults: with every fault, each with file, line and what would be right.
    """
    try:
        source = YamlSource(path)
        policy = source.read_as(Policy)
    except SourceFaults as wrong:
        raise PolicyFaults(wrong.faults) from None
    if faults := list(_Check(source, policy, None if roles is None else frozenset(roles)).faults()):
        raise PolicyFaults(faults)
    return _expanded(policy)


Place = tuple[str | int, ...]


@dataclass(frozen=True)
class _Check:
    """Checks what a policy means, once its form is right."""

    source: YamlSource
    policy: Policy
    roles: frozenset[str] | None

    def faults(self) -> Iterator[SourceFault]:
        policy, fault = self.policy, self.source.fault
        for name, view in policy.views.items():
            yield from self._view(name, view)
        for agency in AGENCIES:
            if agency not in policy.agencies:
                yield fault(("agencies",), f"the agency `{agency}` has no ceiling")
        for agency, entry in policy.agencies.items():
            for index, path in enumerate(entry.ceiling):
                place: Place = ("agencies", agency, "ceiling", index)
                yield from self._field(place, path)
                if agency != "health":
                    yield from self._no_score(place, path)
        for index, guard in enumerate(policy.guards):
            yield from self._conditions(("guards", index, "when"), guard.when)
            for path in guard.cut:
                yield from self._field(("guards", index, "cut"), path)
        for name, basis in policy.bases.items():
            yield from self._conditions(("bases", name, "applies"), basis.applies)
            yield from self._no_finding(("bases", name, "applies"), basis.applies)
            for part, needs in (("needs", basis.needs), ("marks", basis.marks)):
                for index, need in enumerate(needs):
                    place = ("bases", name, part, index)
                    yield from self._condition(place, need.fact, need.expected)
                    yield from self._no_finding(place, {need.fact: need.expected})
                    if need.at:
                        yield from self._field(place, need.at)
        for name, route in policy.routes.items():
            yield from self._route(name, route)
        for reason in sorted(HOLD_REASONS - set(policy.holds)):
            yield fault(("holds",), f"the reason `{reason}` has no words")

    def _view(self, name: str, view: View) -> Iterator[SourceFault]:
        for index, used in enumerate(view.uses):
            place: Place = ("views", name, "uses", index)
            yield from self._known(place, "no view", used, self.policy.views)
            if name in self._uses(used, set()):
                yield self.source.fault(place, f"view `{used}` uses `{name}` in turn")
        for index, field in enumerate(view.fields):
            place = ("views", name, "fields", index)
            for path, precision in ({field: None} if isinstance(field, str) else field).items():
                yield from self._field(place, path)
                if precision and not _has(path, precision):
                    yield self.source.fault(
                        place, f"`{path}` has no precision `{precision}`; it would go whole"
                    )

    def _uses(self, name: str, seen: set[str]) -> set[str]:
        """Return a view with all views that it uses, straight or through others."""
        if name in seen or name not in self.policy.views:
            return seen
        seen.add(name)
        for used in self.policy.views[name].uses:
            self._uses(used, seen)
        return seen

    def _route(self, name: str, route: Route) -> Iterator[SourceFault]:
        fault, policy = self.source.fault, self.policy
        place: Place = ("routes", name)
        yield from self._conditions((*place, "when"), route.when)
        if route.urgent_when and route.urgent_when != "always":
            yield from self._conditions((*place, "urgentWhen"), route.urgent_when)
            yield from self._no_finding((*place, "urgentWhen"), route.urgent_when)
        for basis in route.basis:
            yield from self._known((*place, "basis"), "no basis", basis, policy.bases)
        if self.roles is not None:
            known = self.roles.union(RECIPIENTS)
            yield from self._known((*place, "to"), "the directory has no role", route.to, known)
        yield from self._known((*place, "purpose"), "no purpose", route.purpose, PURPOSES)
        if (route.agency is None) != (route.channel == "none"):
            yield fault(place, f"route {name}: `agency: none` goes with `channel: none`")
        for path in route.never:
            yield from self._field((*place, "never"), path)
        if bool(route.view) == bool(route.adds_to):
            yield fault(place, f"route {name} needs either a `view` or `addsTo`")
        yield from self._judgement(name, route)
        for other in route.adds_to:
            yield from self._added(name, route, other)
        if route.view is not None:
            yield from self._reach(name, route)

    def _added(self, name: str, route: Route, other: str) -> Iterator[SourceFault]:
        place: Place = ("routes", name, "addsTo")
        yield from self._known(place, "no route", other, self.policy.routes)
        row = self.policy.routes.get(other)
        if row is None:
            return
        if row.adds_to:
            yield self.source.fault(place, f"route `{other}` adds to others itself")
        elif row.standing_judgement:
            yield self.source.fault(
                place, f"route `{other}` rests on a judgement for its own recipient"
            )
        elif row.view and not self._loops(row.view):
            for field in self.policy.reach(row.view):
                for path in route.never:
                    if path != field and allowed(path, [field]):
                        yield self.source.fault(
                            ("routes", name, "never"),
                            f"route `{other}` shows `{field}` whole, and `{path}` with it",
                        )

    def _reach(self, name: str, route: Route) -> Iterator[SourceFault]:
        """Refuse a view that goes beyond what the agency may see, or reaches what is never to go."""
        fault, view = self.source.fault, route.view or ""
        place: Place = ("routes", name)
        yield from self._known((*place, "view"), "no view", view, self.policy.views)
        if self._loops(view) or (route.agency and route.agency not in self.policy.agencies):
            return
        ceiling = self.policy.agencies[route.agency].ceiling if route.agency else None
        for field in self.policy.reach(view):
            if ceiling is not None and not allowed(field, ceiling):
                yield fault(
                    (*place, "view"),
                    f"view `{view}` reaches `{field}`, beyond what {route.agency} may see; "
                    "narrow the view or raise the agency's ceiling",
                )
            if route.agency != "health":
                yield from self._no_score((*place, "view"), field)
            for path in route.never:
                if allowed(field, [path]) or allowed(path, [field]):
                    yield fault(
                        (*place, "never"), f"view `{view}` reaches `{field}`, which is never to go"
                    )

    def _loops(self, view: str) -> bool:
        """Tell whether a view, or one that it uses, is not there or uses itself."""
        views = self.policy.views
        return view not in views or any(
            used not in views or name in self._uses(used, set())
            for name in self._uses(view, set())
            for used in views[name].uses
        )

    def _judgement(self, name: str, route: Route) -> Iterator[SourceFault]:
        """Refuse a route on findings without a standing judgement (s.16LA), and any to social care."""
        place: Place = ("routes", name, "when")
        on_findings = any(_is_finding(path) for path in route.when)
        if on_findings and route.standing_judgement is None:
            yield self.source.fault(
                place,
                "a finding never routes by itself: this route needs `standingJudgement` and the "
                "basis `s16la`",
            )
        if route.standing_judgement is None:
            return
        if not on_findings:
            yield self.source.fault(
                place, "a standing judgement serves a class that findings define"
            )
        if route.basis != ("s16la",):
            yield self.source.fault(place, "a standing judgement goes with the basis `s16la` only")
        if route.agency == "social-care":
            yield self.source.fault(place, "a standing judgement never serves social care")

    def _no_finding(self, place: Place, conditions: Conditions) -> Iterator[SourceFault]:
        for path in conditions:
            if _is_finding(path):
                yield self.source.fault(
                    (*place, path), "a finding makes no basis apply and no alert urgent"
                )

    def _no_score(self, place: Place, path: str) -> Iterator[SourceFault]:
        """Refuse a field that is, holds or lies within a score or finding, but for health."""
        if path.split(".")[0] == "findings":
            yield self.source.fault(place, "a computed finding is seen by health services only")
        elif any(allowed(path, [score]) or allowed(score, [path]) for score in SCORES):
            yield self.source.fault(place, f"`{path}` holds scores, seen by health services only")

    def _known(
        self, place: Place, what: str, word: str, words: Collection[str]
    ) -> Iterator[SourceFault]:
        if word not in words:
            yield self.source.fault(place, f"{what} `{word}`{nearest(word, words)}")

    def _field(self, place: Place, path: str) -> Iterator[SourceFault]:
        if problem := resolve(path.split(".")):
            yield self.source.fault(place, problem)

    def _conditions(self, place: Place, conditions: Conditions) -> Iterator[SourceFault]:
        for path, expected in conditions.items():
            yield from self._condition((*place, path), path, expected)

    def _condition(self, place: Place, path: str, expected: Expected) -> Iterator[SourceFault]:
        """Refuse a fact or field that is not known, and a word that it can never be."""
        words: frozenset[str] | type[bool] | None
        if path == "recipient.role":
            words = self.roles and self.roles.union(RECIPIENTS)
        elif path in FACTS:
            words = FACTS[path]
        elif problem := resolve(path.split(".")):
            close = nearest(path, FACTS)
            detail = f"`{path}` is neither a fact nor a field: {problem}{close}"
            yield self.source.fault(place, detail)
            return
        else:
            flags = [holds(annotation, bool) for annotation in declared(path.split("."))]
            words = bool if any(flags) else choices(path.split("."))
        if words is None:
            return
        values = expected.no if isinstance(expected, Not) else expected
        for value in values if isinstance(values, tuple) else (values,):
            if value in ("stated", "not-stated"):
                continue
            if words is bool:
                if not isinstance(value, bool):
                    detail = f"`{path}` is true or false, never `{value}`"
                    yield self.source.fault(place, detail)
            elif isinstance(words, frozenset) and value not in words:
                yield self.source.fault(
                    place,
                    f"`{path}` is never `{value}`{nearest(str(value), words)} It is one of "
                    f"{', '.join(sorted(words))}",
                )


SCORES = ("review.asq3", "referral.service.asq3")
"""Where scores stand in a message."""


MEASURES = (
    *SCORES,
    "findings",
    "review.earlyLanguage",
    "review.developmentalSkills",
    "review.hearing",
    "review.vision",
    "review.otherCodes",
    "referral.service.hearing",
)
"""What was measured or found. None of it is a ground to tell anybody."""


def _is_finding(path: str) -> bool:
    return any(allowed(path, [measure]) for measure in MEASURES)


def _has(path: str, precision: str) -> bool:
    """Tell whether a field can be given with a precision."""
    kinds = declared(path.split("."))
    match precision:
        case "year-month":
            return path.endswith("irthDate") or any(holds(kind, date) for kind in kinds)
        case "outward":
            return path.endswith("postcode")
        case "first":
            return any(holds(kind, tuple) for kind in kinds)
        case _:
            return path == "findings"


def _expanded(policy: Policy) -> Policy:
    """Turn each route that adds recipients into one route per route that it adds to."""
    routes: dict[str, Route] = {}
    for name, route in policy.routes.items():
        if not route.adds_to:
            routes[name] = route
            continue
        for other in route.adds_to:
            row = policy.routes[other]
            routes[f"{name}.{other}"] = route.model_copy(
                update={
                    "title": f"{route.title} ({row.title})",
                    "when": {**row.when, **route.when},
                    "view": row.view,
                    "speed": row.speed,
                    "urgent_when": row.urgent_when,
                    "recipient_unknown": "silence",
                }
            )
    return policy.model_copy(update={"routes": routes})
