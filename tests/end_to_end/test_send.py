"""`gateway send`: what a sender's script and a sender's eye get back."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import orjson
import pytest

from tests.builders import a_review
from tests.end_to_end.running import FHIR, MESSAGES, Said, Serving, free_port, within_this_process

pytestmark = [pytest.mark.rabbitmq, pytest.mark.postgresql]


def written(folder: Path, message: dict[str, Any]) -> Path:
    file = folder / f"{message['id']}.json"
    file.write_bytes(orjson.dumps(message))
    return file


def test_a_message_that_is_taken_ends_with_0_and_says_who_is_told(
    served: Serving, key: str, tmp_path: Path
) -> None:
    file = written(tmp_path, a_review(15, id="sent-by-command", record="sent-by-command"))
    said = served.run("send", file, file, GATEWAY_URL=served.url, GATEWAY_KEY=key)
    assert said.code == 0, said.err
    assert "→ health: Boat Museum Example Medical Centre" in said.out
    assert "Communication 15 is below 33.30" in said.out
    first, again = (line.split()[1] for line in said.out.splitlines() if "recorded" in line)
    assert first == again, "the same message again: the same receipt"


def send(served: Serving, *words: object, **settings: str) -> Said:
    over = {"GATEWAY_URL": served.url, **settings}
    return within_this_process("send", *words, folder=served.folder, **over)


def test_one_refused_message_ends_with_1_and_the_others_are_sent(
    served: Serving, key: str, tmp_path: Path
) -> None:
    good = written(tmp_path, a_review(id="beside-a-refused-one", record="beside-a-refused-one"))
    said = send(served, MESSAGES / "review-refused.json", good, GATEWAY_KEY=key)
    assert said.code == 1
    assert "422" in said.err
    for place in ("/review/outcom", "/review/asq3/scores/0/score", "/child/nhsNumber"):
        assert place in said.err
    assert "recorded" in said.out


def test_a_key_that_opens_nothing_ends_with_1_and_says_so(served: Serving) -> None:
    said = send(served, MESSAGES / "review.json", GATEWAY_KEY="eig_wrong")
    assert said.code == 1
    assert "401" in said.err
    assert "eig_wrong" not in said.out + said.err


def test_a_check_stores_nothing(served: Serving, key: str, tmp_path: Path) -> None:
    message = a_review(id="only-checked", record="only-checked")
    checked = send(served, "--check", written(tmp_path, message), GATEWAY_KEY=key)
    assert checked.code == 0, checked.err
    assert "would go" in checked.out
    assert "nothing was stored" in checked.out
    with served.client(key) as http:
        assert http.post("/messages", json=message).status_code == 202, "it was not sent before"


def test_a_missing_file_or_key_is_wrong_usage(served: Serving) -> None:
    nothing = send(served, "nothing.json", GATEWAY_KEY="eig_any")
    assert nothing.code == 2
    assert "nothing.json" in nothing.err
    keyless = send(served, MESSAGES / "review.json")
    assert keyless.code == 2
    assert "GATEWAY_KEY" in keyless.err
    assert send(served, MESSAGES / "review.json", GATEWAY_KEY="clé").code == 2


def test_a_gateway_that_does_not_answer_ends_with_3(served: Serving) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    said = send(served, MESSAGES / "review.json", GATEWAY_URL=nowhere, GATEWAY_KEY="eig_any")
    assert said.code == 3
    assert nowhere in said.err


def test_a_proxy_that_answers_for_it_ends_with_3(served: Serving) -> None:
    """What stands in front of a gateway that is away answers in HTML, not in problem+json."""

    class Proxy(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_error(502)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        Thread(target=proxy.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{proxy.server_port}"
        said = send(served, MESSAGES / "review.json", GATEWAY_URL=url, GATEWAY_KEY="eig_any")
        proxy.shutdown()
    assert said.code == 3
    assert "502" in said.err


def test_every_fhir_sample_can_be_sent_as_it_is(served: Serving, key: str) -> None:
    samples = [path for path in sorted(FHIR.rglob("*")) if path.is_file()]
    said = send(served, "--check", *samples, GATEWAY_KEY=key)
    assert said.code == 0, said.out + said.err
