"""Loads the policy file strictly: every fault at once, with its line and what would be right.

PolicyFaults   the file cannot be the policy
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import ValidationError
from ruamel.yaml.error import MarkedYAMLError

from gateway.policy.model import Conditions, Expected, Not, Policy, Route
from gateway.policy.views import allowed
from gateway.policy.vocabulary import FACTS, HOLD_REASONS, RECIPIENTS
from gateway.yaml_source import SourceFault, YamlSource, not_yaml
from schemas.fields import choices, nearest, resolve

DEFAULT = Path(__file__).with_name("default.yaml")


class PolicyFaults(Exception):
    """The policy file is not in order. Nothing is decided until it is."""

    def __init__(self, faults: Iterable[SourceFault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


def load_policy(path: Path = DEFAULT, roles: Iterable[str] | None = None) -> Policy:
    """Load and check a policy file. `roles` are the directory's, where they are to be checked.

    Raises:
        PolicyFaults: with every fault, each with file, line and what would be right.
    """
    try:
        source = YamlSource(path)
        policy = Policy.model_validate(source.data)
    except OSError as error:
        raise PolicyFaults(
            [SourceFault(path.name, 1, f"cannot be read: {error.strerror}")]
        ) from None
    except MarkedYAMLError as error:
        raise PolicyFaults([not_yaml(path, error)]) from None
    except ValidationError as error:
        raise PolicyFaults(source.faults(error, Policy)) from None
    if faults := list(_faults(source, policy, None if roles is None else set(roles))):
        raise PolicyFaults(faults)
    return _expanded(policy)


def _faults(source: YamlSource, policy: Policy, roles: set[str] | None) -> Iterator[SourceFault]:
    for name, view in policy.views.items():
        for index, used in enumerate(view.uses):
            if used not in policy.views:
                yield source.fault(
                    ("views", name, "uses", index), f"no view `{used}`{nearest(used, policy.views)}"
                )
                return
        for index, field in enumerate(view.fields):
            for path in [field] if isinstance(field, str) else field:
                if problem := resolve(path.split(".")):
                    yield source.fault(("views", name, "fields", index), problem)
    for agency, ceiling in policy.agencies.items():
        for index, path in enumerate(ceiling.ceiling):
            if problem := resolve(path.split(".")):
                yield source.fault(("agencies", agency, "ceiling", index), problem)
            if agency != "health" and path.split(".")[0] == "findings":
                yield source.fault(
                    ("agencies", agency, "ceiling", index),
                    "a computed finding is seen by health services only",
                )
    for index, guard in enumerate(policy.guards):
        yield from _conditions(source, ("guards", index, "when"), guard.when)
        for path in guard.cut:
            if problem := resolve(path.split(".")):
                yield source.fault(("guards", index, "cut"), problem)
    for name, basis in policy.bases.items():
        yield from _conditions(source, ("bases", name, "applies"), basis.applies)
        for part, needs in (("needs", basis.needs), ("marks", basis.marks)):
            for index, need in enumerate(needs):
                place = ("bases", name, part, index)
                yield from _condition(source, place, need.fact, need.expected)
                if need.at and (problem := resolve(need.at.split("."))):
                    yield source.fault(place, problem)
    for name, route in policy.routes.items():
        yield from _route(source, policy, name, route, roles)
    for reason in sorted(HOLD_REASONS - set(policy.holds)):
        yield source.fault(("holds",), f"the reason `{reason}` has no words")


def _route(
    source: YamlSource, policy: Policy, name: str, route: Route, roles: set[str] | None
) -> Iterator[SourceFault]:
    place = ("routes", name)
    yield from _conditions(source, (*place, "when"), route.when)
    if route.urgent_when and route.urgent_when != "always":
        yield from _conditions(source, (*place, "urgentWhen"), route.urgent_when)
    for basis in route.basis:
        if basis not in policy.bases:
            yield source.fault(
                (*place, "basis"), f"no basis `{basis}`{nearest(basis, policy.bases)}"
            )
    known = RECIPIENTS | (roles or set())
    if roles is not None and route.to not in known:
        yield source.fault(
            (*place, "to"), f"the directory has no role `{route.to}`{nearest(route.to, known)}"
        )
    for other in route.adds_to:
        if other not in policy.routes:
            yield source.fault((*place, "addsTo"), f"no route `{other}`")
    if bool(route.view) == bool(route.adds_to):
        yield source.fault(place, f"route {name} needs either a `view` or `addsTo`")
    if any(path.startswith("findings") for path in route.when):
        yield from _standing_judgement(source, name, route)
    if route.view is None:
        return
    if route.view not in policy.views:
        yield source.fault(
            (*place, "view"), f"no view `{route.view}`{nearest(route.view, policy.views)}"
        )
        return
    reach = policy.reach(route.view)
    ceiling = policy.agencies[route.agency].ceiling if route.agency else None
    for field in reach:
        if ceiling is not None and not allowed(field, ceiling):
            yield source.fault(
                (*place, "view"),
                f"view `{route.view}` reaches `{field}`, beyond what {route.agency} may see; "
                "narrow the view or raise the agency's ceiling",
            )
        for path in route.never:
            if allowed(field, [path]) or allowed(path, [field]):
                yield source.fault(
                    (*place, "never"),
                    f"view `{route.view}` reaches `{field}`, which is never to go",
                )


def _standing_judgement(source: YamlSource, name: str, route: Route) -> Iterator[SourceFault]:
    """Refuse a route on findings without a standing judgement (s.16LA), and any to social care."""
    place = ("routes", name, "when")
    if route.standing_judgement is None or route.basis != ("s16la",):
        yield source.fault(
            place,
            "a finding never routes by itself: this route needs `standingJudgement` and the basis "
            "`s16la`",
        )
    if route.agency == "social-care":
        yield source.fault(place, "a standing judgement never serves social care")


def _conditions(
    source: YamlSource, place: tuple[str | int, ...], conditions: Conditions
) -> Iterator[SourceFault]:
    for path, expected in conditions.items():
        yield from _condition(source, (*place, path), path, expected)


def _condition(
    source: YamlSource, place: tuple[str | int, ...], path: str, expected: Expected
) -> Iterator[SourceFault]:
    """Refuse a fact or field that is not known, and a word that it can never be."""
    if path in FACTS:
        words = FACTS[path]
    elif problem := resolve(path.split(".")):
        close = nearest(path, FACTS)
        yield source.fault(place, f"`{path}` is neither a fact nor a field: {problem}{close}")
        return
    else:
        words = choices(path.split("."))
    if words is None:
        return
    values = expected.no if isinstance(expected, Not) else expected
    for value in values if isinstance(values, tuple) else (values,):
        if value not in words and value not in ("stated", "not-stated"):
            yield source.fault(
                place,
                f"`{path}` is never `{value}`{nearest(str(value), words)} It is one of "
                f"{', '.join(sorted(words))}",
            )


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
