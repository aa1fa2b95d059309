"""What may be published at all: nothing that would close the channel on others."""

from datetime import UTC, datetime

import pytest

from gateway.broker import Publication


@pytest.mark.parametrize(
    "wrong",
    [{"routing_key": "education." + "x" * 250}, {"alert_id": ""}, {"body": b"x" * 5_000_000}],
)
def test_what_would_close_the_channel_on_others_cannot_be_built(wrong):
    right = {
        "alert_id": "a-1",
        "agency": "education",
        "routing_key": "education.referral.none.routine",
        "body": b"{}",
        "type": "referral.created.v1",
        "time": datetime(2026, 10, 1, tzinfo=UTC),
    }
    Publication(**right)
    with pytest.raises(ValueError, match=r"must have 1 to 255 bytes|at most"):
        Publication(**right | wrong)
