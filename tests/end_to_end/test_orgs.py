"""`gateway org`: keys are made, shown once, listed without themselves, and revoked."""

from __future__ import annotations

import pytest

from tests.builders import a_review
from tests.end_to_end.running import Serving, eventually, key_in

pytestmark = [pytest.mark.rabbitmq, pytest.mark.postgresql]


def test_a_key_is_made_listed_and_revoked(served: Serving) -> None:
    made = served.run("org", "add", "ods:RJR")
    assert made.code == 0, made.err
    assert "ods:RJR may send: healthy-child-review, referral" in made.out
    key, id_ = key_in(made.out), made.out.split("gateway org revoke ")[1].strip()
    review = a_review(source={"odsCode": "RJR"}, id="by-a-key-to-be-revoked")
    with served.client(key) as http:
        assert http.post("/messages", json=review).status_code == 202
        listed = served.run("org", "list")
        assert key not in listed.out
        revoked = served.run("org", "revoke", id_)
        assert revoked.code == 0, revoked.err
        eventually(lambda: http.post("/messages", json=review).status_code == 401, 6)
    again = served.run("org", "revoke", id_)
    assert again.code == 1
    assert id_ in again.err
    assert id_ in listed.out, "whoever revokes a key needs its whole id"


def test_a_key_is_made_only_for_whom_the_directory_knows(served: Serving) -> None:
    said = served.run("org", "add", "ods:RXB")
    assert said.code == 1
    assert "ods:RXB" in said.err
    assert "ods:RXA" in said.err, "it names the nearest that is right"
