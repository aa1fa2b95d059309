"""Files on several gateways at once: whoever settles an entry, it is settled once."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest

from gateway.files.filing import Filing
from gateway.files.statement import statement_of
from gateway.journal import JournalAway
from gateway.metrics import Metrics
from tests.builders import SCHOOL
from tests.integration.intake.desk import Desk, on_both
from tests.school_files import a_ctf, a_need, a_pupil, a_upn
from tests.unit.adapters.file_reading import a_csv, example

K = [("2025-09-01", "N"), ("2026-01-05", "K")]
TOLD = statement_of({"notice": {"parentsTold": {"on": "2026-01-09"}}})
NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)


def filing(desk: Desk) -> Filing:
    """What a serving process does with files, its worker not started."""
    return Filing(desk.intake, Metrics(desk.journal, "mailbox"))


@on_both
def test_two_gateways_that_settle_the_same_entries_take_each_once(
    desk: Desk, other_desk: Desk
) -> None:
    caller = desk.a_caller(f"urn:{SCHOOL}")
    body = a_ctf(*(a_pupil(n, K, [a_need("SLCN")]) for n in range(6)))
    upload, known = filing(desk).receive(body, "application/xml", TOLD, caller, NOW)
    assert not known
    waiting = desk.journal.read(lambda tx: tx.waiting_entries(upload.id, 9))
    settling = [
        works._settle(upload, entry)
        for entry in waiting
        for works in (filing(desk), filing(other_desk))
    ]
    answers = [future.result(20) for future in settling]
    assert sum(answer is not None for answer in answers) == 6
    assert desk.counts()["message"] == 6
    assert desk.counts()["alert"] == 6
    receipt = filing(other_desk).follow(upload.id, caller)
    assert receipt is not None
    assert receipt.counts.accepted == 6


def test_what_waits_is_settled_by_the_gateway_that_is_started_next(desk: Desk) -> None:
    caller = desk.a_caller(f"urn:{SCHOOL}")
    upload, _ = filing(desk).receive(a_ctf(a_pupil(1, K)), "application/xml", TOLD, caller, NOW)
    next_one = filing(desk)
    next_one.start()
    while next_one.waiting(upload.id):
        pass
    next_one.close()
    assert desk.counts()["message"] == 1


def test_a_file_that_cannot_be_written_is_not_taken(desk: Desk) -> None:
    caller = desk.a_caller(f"urn:{SCHOOL}")
    desk.journal.close()
    with pytest.raises(JournalAway):
        filing(desk).receive(a_ctf(a_pupil(1, K)), "application/xml", TOLD, caller, NOW)


def test_a_provision_that_lay_in_the_future_is_found_when_the_same_file_comes_again(
    desk: Desk,
) -> None:
    caller = desk.a_caller(f"urn:{SCHOOL}")
    body = a_ctf(a_pupil(1, [("2026-11-26", "K")]))
    works = filing(desk)
    first, _ = works.receive(body, "application/xml", TOLD, caller, NOW)
    same, known = works.receive(body, "application/xml", TOLD, caller, NOW.replace(hour=15))
    assert (same, known) == (first, True)
    later, known = works.receive(body, "application/xml", TOLD, caller, NOW.replace(day=26))
    assert not known
    assert works.waiting(later.id) == 1


def settled(
    desk: Desk,
    body: bytes,
    stated: dict[str, object],
    at: datetime,
    media_type: str = "application/xml",
) -> None:
    works = filing(desk)
    caller = desk.a_caller(f"urn:{SCHOOL}")
    upload, known = works.receive(body, media_type, statement_of(stated), caller, at)
    assert not known
    for entry in desk.journal.read(lambda tx: tx.waiting_entries(upload.id, 9)):
        works._settle(upload, entry).result(20)


HIDDEN = {"notice": {"parentsTold": {"on": "2026-01-09"}}, "sharing": {"restricted": True}}
SAID = {"notice": {"parentsTold": {"on": "2026-01-09"}}}
NEXT = "2026-12-30T10:00:00"


@pytest.mark.parametrize("provision", ["K", "E"])
def test_a_child_stays_restricted_when_the_next_file_is_silent(desk: Desk, provision: str) -> None:
    """Whether the body in which it stood is erased by then, or the pupil has a new record."""
    settled(desk, a_ctf(a_pupil(1, K)), HIDDEN, NOW)
    assert desk.due() == []
    desk.journal.erase_expired(NOW.replace(month=12, day=26))
    later = [*K, ("2026-12-01", "E")] if provision == "E" else K
    silent = a_ctf(a_pupil(1, later), DateTime=NEXT)
    settled(desk, silent, SAID, NOW.replace(month=12, day=30))
    assert desk.due() == []
    assert {hold["hold_reason"] for hold in desk.rows("alert")} == {"restricted"}
    settled(desk, silent, {**SAID, "sharing": {"restricted": False}}, NOW.replace(month=12, day=31))
    assert len(desk.due()) == 1


def rows_of_one_pupil(*, restricted: tuple[str, str]) -> bytes:
    """A pupil's provisions, a row each: K, and E after it, which stands."""
    periods = (("K", "05/01/2026"), ("E", "01/09/2026"))
    return a_csv(
        *(
            example(
                "sen-support-notice",
                SEN_provision=code,
                Start_date=start,
                Previous_provision="",
                Whereabouts_restricted=hidden,
            )
            for (code, start), hidden in zip(periods, restricted, strict=True)
        )
    )


@pytest.mark.parametrize(
    ("restricted", "told"), [(("yes", ""), 0), (("", "yes"), 0), (("", ""), 1)]
)
def test_a_child_is_restricted_whichever_row_says_so(
    desk: Desk, restricted: tuple[str, str], told: int
) -> None:
    settled(desk, rows_of_one_pupil(restricted=restricted), {}, NOW, "text/csv")
    assert len(desk.due()) == told


def test_of_a_child_who_is_restricted_by_now_an_earlier_file_names_no_service(desk: Desk) -> None:
    settled(desk, a_ctf(a_pupil(1, K)), SAID, NOW)
    assert "title" in seen(desk)
    settled(desk, a_ctf(a_pupil(1, K), DateTime=NEXT), HIDDEN, NOW.replace(month=12, day=30))
    assert "title" not in seen(desk)


def seen(desk: Desk) -> str:
    """What the sender sees of the first file, with the alert that it gave."""
    first = min(desk.rows("upload"), key=lambda upload: upload["received_at"])
    receipt = filing(desk).follow(first["id"], desk.a_caller(f"urn:{SCHOOL}"))
    assert receipt is not None
    assert len(receipt.records[0].alerts) == 1
    return receipt.model_dump_json(exclude_none=True)


def test_nor_does_it_where_it_was_held_for_something_else_first(desk: Desk) -> None:
    settled(desk, a_ctf(a_pupil(1, K)), {}, NOW)
    settled(desk, a_ctf(a_pupil(1, K), DateTime=NEXT), HIDDEN, NOW.replace(month=12, day=30))
    first = min(desk.rows("upload"), key=lambda upload: upload["received_at"])
    receipt = filing(desk).follow(first["id"], desk.a_caller(f"urn:{SCHOOL}"))
    assert receipt is not None
    assert [hold.service for hold in receipt.records[0].held] == [None]


def a_wonde_page(status: str) -> bytes:
    """One student as Wonde gives it: what stands, and not since when."""
    student = {
        "id": "A1",
        "upi": "x",
        "mis_id": "7",
        "forename": "Finn",
        "surname": "Eaton",
        "date_of_birth": {"date": "2020-09-30 00:00:00.000000"},
        "education_details": {"data": {"upn": a_upn(1)}},
        "extended_details": {"data": {"sen_status": status}},
    }
    return orjson.dumps({"data": [student]})


def test_a_provision_to_which_a_pupil_returns_is_told_again_where_no_start_is_known(
    desk: Desk,
) -> None:
    def sent(status: str, day: int) -> list[dict[str, object]]:
        settled(desk, a_wonde_page(status), SAID, NOW.replace(day=day))
        return desk.rows("alert")

    assert len(sent("E", 24)) == 1
    assert len(sent("E", 25)) == 1, "nothing has changed"
    assert len(sent("K", 26)) == 2
    assert len(sent("E", 27)) == 3
    assert desk.counts()["record"] == 1
