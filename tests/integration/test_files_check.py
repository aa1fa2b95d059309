"""`POST /files/check`: what a file would come to, before anything of it is sent."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import orjson
import pytest

from gateway.files.checking import LARGEST_CHECKED, MOST_CHECKED
from gateway.journal.tables import metadata
from tests.integration.serving import Gateway, Partner, serving
from tests.integration.test_files import OTHER_SCHOOL, SCHOOL, TOLD, K
from tests.school_files import a_ctf, a_need, a_pupil, a_upn
from tests.unit.adapters.file_reading import a_csv, example


def mixed(first: int) -> bytes:
    """A file with a pupil of each kind."""
    return a_ctf(
        a_pupil(first, K, [a_need("SLCN")]),
        a_pupil(first + 1),
        a_pupil(first + 2, [("05/09/26", "K")]),
        a_pupil(first + 3, K, [a_need("A school's own")]),
        a_pupil(first + 4, [("2020-01-06", "E"), ("2026-01-05", "N")]),
    )


MIXED = mixed(1)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with serving(tmp_path_factory.mktemp("checks") / "gateway.db") as running:
        yield running


@pytest.fixture(scope="module")
def school(gateway: Gateway) -> Partner:
    return gateway.partner(SCHOOL)


def checked(
    partner: Partner, body: bytes, query: str = TOLD, media: str = "application/xml"
) -> Any:
    answer = partner.post(body, f"/files/check{query}", media)
    assert answer.status_code == 200, answer.text
    return answer.json()


def stored(gateway: Gateway) -> dict[str, int]:
    assert gateway.file is not None
    with closing(sqlite3.connect(gateway.file)) as connection:
        return {
            table.name: connection.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0]
            for table in metadata.sorted_tables
        }


@pytest.mark.parametrize(("query", "first"), [(TOLD, 11), ("", 21)], ids=["goes", "held"])
def test_a_check_says_what_sending_then_does(gateway: Gateway, query: str, first: int) -> None:
    school = gateway.partner(SCHOOL)
    before, file = stored(gateway), mixed(first)
    would = checked(school, file, query)
    assert stored(gateway) == before, "nothing is stored"
    assert (would["id"], would["state"]) == ("-", "checked")
    assert would["counts"] == {"nothing": 1, "refused": 1, "understood": 3}
    became = school.post(file, f"/files{query}", "application/xml").json()
    names = ("place", "alerts", "held", "faults", "notes")
    for check, sent in zip(would["records"], became["records"], strict=True):
        assert {n: check.get(n) for n in names} == {n: sent.get(n) for n in names}
        assert check["status"].replace("understood", "accepted") == sent["status"]


def test_it_says_as_what_a_record_would_be_understood_and_who_would_be_told_on_which_basis(
    school: Partner,
) -> None:
    first, *_ = checked(school, MIXED)["records"]
    assert first == {
        "place": "pupil 1",
        "status": "understood",
        "kind": "sen-support-notice",
        "action": "new",
        "areas": ["communication-and-interaction"],
        "alerts": [
            {
                "agency": "education",
                "title": "Inclusion team (notices of SEN support)",
                "basis": "sen-support",
                "change": "created",
            }
        ],
    }


def test_what_is_stated_with_the_file_counts_and_a_restricted_child_s_services_are_not_named(
    school: Partner,
) -> None:
    told = {"notice": {"parentsTold": {"on": "2026-01-09"}}}
    hidden = {"byRecord": {a_upn(4): {"sharing": {"restricted": True}}}}
    parts = {
        "file": ("x.xml", MIXED, "application/xml"),
        "statement": ("", orjson.dumps({**told, **hidden}), "application/json"),
    }
    headers = {"Authorization": f"Bearer {school.key}"}
    answer = school.client.post("/files/check", files=parts, headers=headers).json()
    (held,) = answer["records"][3]["held"]
    assert held["reason"] == "restricted"
    assert "service" not in held
    assert "Inclusion" not in orjson.dumps(answer["records"][3]).decode()


def test_a_table_s_fault_has_its_row_and_column(school: Partner) -> None:
    rows = [example("sen-support-notice"), example("sen-support-notice", Start_date="soon")]
    wrong = checked(school, a_csv(*rows), media="text/csv")["records"][1]["faults"]
    assert [fault["place"] for fault in wrong] == ["row 3, column S (Start date)"]


def test_what_the_key_may_not_send_is_forbidden(gateway: Gateway) -> None:
    other = gateway.partner(OTHER_SCHOOL)
    assert other.post(MIXED, "/files/check", "application/xml").status_code == 403
    few = gateway.partner(SCHOOL, kinds=["referral"])
    found = [one["status"] for one in checked(few, MIXED)["records"]]
    assert found == ["forbidden", "nothing", "refused", "forbidden", "forbidden"]


@pytest.mark.parametrize(
    ("body", "media"),
    [
        (a_ctf(*(a_pupil(n) for n in range(MOST_CHECKED + 1))), "application/xml"),
        (a_csv(*[example("sen-support-notice")] * (MOST_CHECKED + 1)), "text/csv"),
        (orjson.dumps([{"sen_needs": []}] * (MOST_CHECKED + 1)), "application/json"),
        (b" " * (LARGEST_CHECKED + 1), "application/xml"),
    ],
    ids=["CTF", "CSV", "JSON", "bytes"],
)
def test_what_is_too_large_to_check_is_told_the_way(
    school: Partner, body: bytes, media: str
) -> None:
    answer = school.post(body, "/files/check", media)
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
    assert "gateway check-file" in answer.json()["detail"]


@pytest.mark.parametrize(("body", "status"), [(b"<CTfile>", 400), (b"<html/>", 422), (b"", 422)])
def test_what_is_no_file_is_answered_as_when_it_is_sent(
    school: Partner, body: bytes, status: int
) -> None:
    answer = school.post(body, "/files/check", "application/xml")
    assert answer.status_code == status
    assert answer.json()["code"] == school.post(body, "/files", "application/xml").json()["code"]
