"""A newcomer's first minutes: run the printed curl, break the message, correct it, see it arrive."""

from __future__ import annotations

import shlex
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.examples import EXAMPLES
from tests.builders import changed
from tests.end_to_end.partner import Partner
from tests.end_to_end.running import Serving, a_gateway, key_in, queues_of_its_own, sample
from tests.services import amqp_url

pytestmark = pytest.mark.rabbitmq


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_the_printed_curl_works_and_what_it_sends_can_be_broken_and_corrected(
    tmp_path: Path,
) -> None:
    with (
        queues_of_its_own(amqp_url()) as prefix,
        Partner(amqp_url(), prefix, ["education"]) as team,
    ):
        over = {"GATEWAY_AMQP_URL": amqp_url(), "GATEWAY_AMQP_PREFIX": prefix}
        with a_gateway(tmp_path, "--show-curl", **over) as serving:
            status, receipt = curl(serving, printed_curl(serving))
            assert status == 202
            team.got(told(receipt, "education"))
            (to_health,) = told(receipt, "health")
            read = serving.run("consume", "health", "--count", "1", "--wait", "10", "--json")
            assert orjson.loads(read.out)["id"] == to_health

            for other in ("fhir/r4/report.json", "messages/notice.json", "fhir/stu3/CH004.json"):
                key = {"GATEWAY_KEY": key_in(serving.out)}
                sent = serving.run("send", EXAMPLES / other, "--url", serving.url, **key)
                assert (sent.code, "recorded" in sent.out) == (0, True), sent

            status, problem = send(serving, broken(sample("review.json")))
            assert status == 422
            says = {fault["pointer"]: fault["detail"] for fault in problem["errors"]}
            assert says.keys() == {"/review/asq3/scores/0/score", "/chidl"}
            assert "60" in says["/review/asq3/scores/0/score"]
            assert "child" in says["/chidl"]

            status, receipt = send(serving, corrected(sample("review.json")))
            assert status == 202
            (came,) = [a for a in team.got(told(receipt, "education")) if WORDS in a.body.decode()]
            assert came.event["type"] == "healthy-child-review.updated.v1"
            sequences = [a.event["sequence"] for a in team.about(came.event["subject"])]
            assert sequences == ["0000000001", "0000000002"]

            assert serving.terminate(signal.SIGINT) in (0, 130), "Ctrl-C"
            assert "Traceback" not in serving.log


WORDS = "It was her hearing."


def told(receipt: dict[str, Any], agency: str) -> set[str]:
    """The ids of the alerts to an agency."""
    return {alert["id"] for alert in receipt["alerts"] if alert["agency"] == agency}


def corrected(message: dict[str, Any]) -> dict[str, Any]:
    message = changed(message, "sharing.opinion.words", WORDS)
    return message | {"id": "rv-corrected", "action": "update", "sent": "2026-11-18T09:00:00+00:00"}


def broken(message: dict[str, Any]) -> dict[str, Any]:
    message = changed(message, "review.asq3.scores.0.score", 65) | {"id": "rv-broken"}
    message["chidl"] = message["child"]
    return message


def printed_curl(serving: Serving) -> str:
    """The line as it stands on the screen, which a newcomer copies."""
    line = serving.out[serving.out.index("curl ") :].split("\n\n")[0]
    assert line.count("\n") == 1, "two lines, joined by a backslash"
    return line


def send(serving: Serving, message: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Send another body by the printed line."""
    file = serving.folder / f"{message['id']}.json"
    file.write_bytes(orjson.dumps(message))
    line = printed_curl(serving)
    return curl(serving, line[: line.index("@")] + "@" + shlex.quote(file.name))


def curl(serving: Serving, line: str) -> tuple[int, dict[str, Any]]:
    """Run a curl line as it stands in a shell, in the folder of the gateway."""
    assert key_in(line)
    done = subprocess.run(
        line, shell=True, cwd=serving.folder, capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 0, done.stderr
    head, _, body = done.stdout.replace("\r", "").partition("\n\n")
    return int(head.split()[1]), orjson.loads(body)
