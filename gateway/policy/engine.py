"""Decides who is told what on which basis, and what is held. Pure: values in, values out.

decide ─ for every route ─ when? ─ to whom? ─ first basis that applies ─ alert or hold
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gateway.assessment import Assessment
from gateway.directory import Directory, Service
from gateway.policy.facts import (
    Case,
    Recipient,
    Unknown,
    about_recipient,
    about_sender,
    check,
    is_known,
    lookup,
    meets,
    policy_document,
    stopped,
)
from gateway.policy.model import Basis, Conditions, Need, Not, Policy, Route, Scalar
from gateway.policy.recipients import recipients
from gateway.policy.views import cut_to
from schemas.message import Agency, Message, ReferralMessage, is_safeguarding
from schemas.receipt import Missing

KEPT_FOR = frozenset({"refer", "probable-sen-or-disability", "family-support", "significant-harm"})
"""Conclusions beyond `none`, `watch-and-recheck` and `support-within-service`: never forgotten."""

BY_REQUEST = frozenset({"refer", "family-support", "significant-harm"})
"""Conclusions that the request in which they stand carries."""


@dataclass(frozen=True)
class Outgoing:
    """An alert that may go: one route to one service, on one basis, through one view."""

    route: str
    basis: str
    service: Service
    agency: Agency
    urgent: bool
    fields: Mapping[str, Any]
    flags: tuple[str, ...]


@dataclass(frozen=True)
class Holding:
    """An alert that may not go, and what is missing."""

    route: str
    reason: str
    basis: str | None = None
    role: str | None = None
    service: Service | None = None
    missing: tuple[Missing, ...] = ()


@dataclass(frozen=True)
class Decision:
    """What becomes of a record's state."""

    alerts: tuple[Outgoing, ...] = ()
    holds: tuple[Holding, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def forgets(self) -> bool:
        """Nothing goes and nothing waits: only the count is kept (sharing policy, A0)."""
        return not self.alerts and not self.holds


def decide(
    policy: Policy, directory: Directory, message: Message, assessment: Assessment
) -> Decision:
    """Decide on one record's state. Never raises for what a message may hold: deciding is total."""
    case = Case(message, policy_document(message, assessment), directory, assessment.findings)
    sender_facts = about_sender(case)
    alerts: list[Outgoing] = []
    holds: list[Holding] = []
    hints: list[Missing] = []
    for name, route in policy.routes.items():
        harm = any(policy.bases[key].precedes_holds for key in route.basis)
        if is_safeguarding(message) and not harm:
            continue  # what is said of harm goes where harm goes, and nowhere else
        fires = check(route.when, case, sender_facts)
        if fires is False:
            continue
        seen = replace(case, document=_narrowed(case, route))
        for recipient in recipients(case, route):
            if harm and recipient.service is None:
                recipient = _any_service(directory, recipient)
            facts = sender_facts | about_recipient(case, route, recipient)
            match _Weighing(policy, name, route, recipient, seen, facts, fires).outcome():
                case Outgoing() as alert:
                    alerts.append(alert)
                case Holding() as hold:
                    holds.append(hold)
                case None:
                    hints += _would_carry(policy, route, recipient)
    fired = [
        policy.routes[route] for route in {*(a.route for a in alerts), *(h.route for h in holds)}
    ]
    holds += _unanswered(message, fired, tuple(dict.fromkeys(hints)))
    return Decision(tuple(alerts), tuple(holds), tuple(_notes(message, directory)))


def _any_service(directory: Directory, recipient: Recipient) -> Recipient:
    """Take any service of the role: harm is never held for want of knowing which."""
    services = directory.services(recipient.role)
    flag = "Which service serves this child is not known: pass it on"
    return replace(recipient, service=services[0], flags=(flag,)) if services else recipient


def _narrowed(case: Case, route: Route) -> Mapping[str, Any]:
    """Leave only the conclusions for which a route fires: another's are not its receiver's."""
    kinds = _concluded(route)
    if not kinds:
        return case.document
    areas = {
        f.area
        for f in case.findings
        if f.area
        and f.origin == "professional-opinion"
        and f.level == "concern"
        and (f.about in kinds or not (f.pointer or "").startswith("/conclusions"))
    }
    conclusions = [c for c in case.document.get("conclusions", ()) if c["kind"] in kinds]
    narrowed = {**case.document, "conclusions": conclusions, "areas": sorted(areas)}
    return {name: value for name, value in narrowed.items() if value != []}


def _concluded(route: Route) -> tuple[Scalar, ...]:
    """Return the conclusions for which alone a route fires; () where it fires on others too."""
    wanted = route.when.get("conclusions.kind")
    if wanted is None or isinstance(wanted, Not) or wanted in ("stated", "not-stated"):
        return ()
    return wanted if isinstance(wanted, tuple) else (wanted,)


@dataclass(frozen=True)
class _Weighing:
    """One route to one recipient, with all that its bases are held against."""

    policy: Policy
    name: str
    route: Route
    recipient: Recipient
    case: Case
    facts: Mapping[str, Any]
    fires: bool | Unknown

    def outcome(self) -> Outgoing | Holding | None:
        """Find the first basis that applies, and what it says. None: silence."""
        route, recipient = self.route, self.recipient
        for key in route.basis:
            basis = self.policy.bases[key]
            applies = basis.on and self._meets(basis.applies)
            if applies is False and basis.on:
                applies = self._standing_judgement_serves()
            if applies is False:
                continue
            if recipient.service is None and route.recipient_unknown == "silence":
                return None
            unknown = next((u for u in (applies, self.fires) if isinstance(u, Unknown)), None)
            reason, missing = self._held(basis, unknown)
            if reason:
                return Holding(self.name, reason, key, recipient.role, recipient.service, missing)
            return self._outgoing(key, basis)
        return None

    def _meets(self, conditions: Conditions) -> bool | Unknown:
        return check(conditions, self.case, self.facts)

    def _held(
        self, basis: Basis, unknown: Unknown | None
    ) -> tuple[str | None, tuple[Missing, ...]]:
        """Return why the alert may not go, and what is missing; (None, ()) where it may."""
        case, service = self.case, self.recipient.service
        if basis.precedes_holds:
            return (None, ()) if service else ("recipient-unknown", ())
        if case.message.sharing.restricted:
            return "restricted", ()
        if basis.home_in_area:
            if case.home is None:
                missing = _missing("child.address.postcode", "the full postcode")
                return "home-not-determined", (missing,)
            if case.home != case.directory.la_code:
                return "out-of-area", ()
        if unknown:
            return "age-not-determined", (_missing(unknown.field, "the birth date"),)
        if basis.refused == "stops" and stopped(case, self.recipient):
            return "agreement-stops-it", ()
        if basis.disagreement == "holds" and case.message.sharing.disagreement:
            return "disagreement", ()
        if service is None:
            return "recipient-unknown", ()
        standing = self.route.standing_judgement is not None and self.facts["judgement"] is None
        if not standing and (unmet := tuple(self._unmet(basis.needs))):
            return "condition-missing", unmet
        return ("no-channel" if self.route.channel == "none" else None), ()

    def _unmet(self, needs: tuple[Need, ...]) -> Iterator[Missing]:
        for need in needs:
            if not meets(lookup(need.fact, self.case.document, self.facts), need.expected):
                yield _missing(need.at or need.fact, need.missing)

    def _standing_judgement_serves(self) -> bool:
        """Tell whether one was signed, is in force, between persons of s.16LA, and unrefused."""
        judgement = self.route.standing_judgement
        return bool(
            judgement
            and judgement.on <= self.case.message.sent.date() <= judgement.review_by
            and self.facts["sender.s16la"]
            and self.facts["recipient.s16la"]
            and not stopped(self.case, self.recipient)
        )

    def _outgoing(self, key: str, basis: Basis) -> Outgoing:
        route, case, service = self.route, self.case, self.recipient.service
        assert route.agency is not None
        assert service is not None
        guards = [
            guard
            for guard in self.policy.guards
            if route.agency not in guard.exempt and self._meets(guard.when) is True
        ]
        cut = [path for guard in guards for path in guard.cut]
        fields = cut_to(case.document, self.policy.fields(self.name), [*cut, *route.never])
        flags = [*self.recipient.flags, *(guard.says for guard in guards if guard.says)]
        flags += [f"Not stated: {m.detail}" for m in self._unmet(basis.marks)]
        elsewhere = case.home not in (None, case.directory.la_code)
        if basis.precedes_holds and elsewhere and not case.message.sharing.restricted:
            flags.append("The child's home lies outside this area")
        if basis.refusal_travels_to and stopped(case, self.recipient):
            flags += _refusal(basis, route.agency, fields)
        urgent = route.urgent_when is not None and (
            route.urgent_when == "always" or self._meets(route.urgent_when) is True
        )
        return Outgoing(self.name, key, service, route.agency, urgent, fields, tuple(flags))


def _missing(path: str, words: str) -> Missing:
    return Missing(pointer="/" + path.replace(".", "/"), detail=words)


def _refusal(basis: Basis, agency: Agency, fields: dict[str, Any]) -> list[str]:
    """Tell of a refusal where it may travel to; others see only to speak to the sender first."""
    if agency in basis.refusal_travels_to:
        return ["Agreement to share was refused or withdrawn"]
    sharing = {k: v for k, v in fields.get("sharing", {}).items() if k != "agreement"}
    if sharing.get("safeContact") != "do-not-contact":
        sharing["safeContact"] = "speak-to-sender-first"
    fields["sharing"] = sharing
    return []


def _would_carry(policy: Policy, route: Route, recipient: Recipient) -> Iterator[Missing]:
    """Say what a silent route lacks, where the message names whom it asks."""
    if route.to != "referral-service":
        return
    if recipient.service is None:
        words = f"a role or service of this area's directory; it has no `{recipient.role}`"
        yield _missing("referral.service.to", words)
    elif any("agreement.namesRecipient" in policy.bases[key].applies for key in route.basis):
        words = f"agreement given, with `{recipient.role}` among its recipients"
        yield _missing("sharing.agreement", words)


def _unanswered(
    message: Message, fired: list[Route], hints: tuple[Missing, ...]
) -> Iterator[Holding]:
    """Hold what somebody must act on and no route carries: a request, or a graver conclusion.

    A route that fires whatever was concluded answers neither. A notification under section 23 asks
    for nothing: it is answered where its conclusion is.
    """
    requested = isinstance(message, ReferralMessage) and not _notifies(message)
    answered = any(any(path.startswith("referral.") for path in route.when) for route in fired)
    if requested and not answered:
        yield Holding(route="-", reason="no-route", missing=hints)
    if is_safeguarding(message) or (requested and not answered):
        return
    for conclusion in message.conclusions:
        kind = conclusion.kind
        carried = any(kind in _concluded(route) for route in fired)
        if kind in KEPT_FOR and not carried and not (requested and kind in BY_REQUEST):
            yield Holding(route="-", reason="no-route")
            return


def _notifies(message: ReferralMessage) -> bool:
    return bool(message.referral and message.referral.type == "section-23-notification")


def _notes(message: Message, directory: Directory) -> Iterator[str]:
    practice = message.child.general_practice
    if practice and not message.sharing.restricted and not directory.practice(practice):
        yield "The child's general practice is not in this area's directory."
    agreement = message.sharing.agreement
    if agreement and agreement.status in ("refused", "withdrawn"):
        yield f"Agreement is {agreement.status}: nothing rests on agreement for whom it names."
    if agreement and not all(is_known(word, directory) for word in agreement.recipients):
        yield "`sharing.agreement.recipients` has a word that names nobody in this area's directory."
    if any(c.kind == "refer" for c in message.conclusions) and message.kind != "referral":
        yield "You concluded `refer`. A referral is a message of its own: send kind `referral`."
