"""Sends files to the gateway as a partner's system would: python send.py FILE…

Settings: GATEWAY_URL, GATEWAY_KEY. Ends with 0 (taken), 1 (refused: mend the message) or 3 (not
taken yet: send the same files again later). Needs httpx.

Repeats are safe, since an `id` is one message for ever: make it when the message is made, store the
two together, and never send other content under it.
"""

import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

import httpx

ATTEMPTS = 6
AGAIN = {502, 503, 504}
"""The gateway cannot take anything now, or a proxy cannot reach it."""


def main() -> int:
    """Send each file; return the exit code."""
    code = 0
    with httpx.Client(
        base_url=os.environ.get("GATEWAY_URL", "http://127.0.0.1:8000"),
        headers={
            "Authorization": f"Bearer {os.environ['GATEWAY_KEY']}",
            "Accept": "application/json",
        },
        timeout=30,
    ) as http:
        for name in sys.argv[1:]:
            answer = send(http, Path(name).read_bytes())
            if answer is None:
                # Nobody answered: for a safeguarding referral this is the moment to telephone.
                print(f"{name}: not taken yet. If a child may be in danger, telephone now.")
                return 3
            if answer.is_success:
                show(name, answer.json())
            else:
                code = 1
                print(f"{name}: refused. {detail(answer)}")
    return code


def send(http: httpx.Client, body: bytes) -> httpx.Response | None:
    """Send until there is an answer; None where there was none that settles it.

    No answer may mean that the message was taken and the answer lost. So what is sent again is the
    same bytes under the same id: the gateway then answers 200 and tells nobody twice.
    """
    fhir = "resourceType" in json.loads(body)
    headers = {"Content-Type": "application/fhir+json" if fhir else "application/json"}
    for attempt in range(ATTEMPTS):
        wait = 2.0**attempt
        try:
            answer = http.post("/messages", content=body, headers=headers)
        except httpx.TransportError as error:
            print(f"  no answer ({error}); again")
        else:
            if answer.status_code not in AGAIN:
                return answer
            print(f"  {detail(answer)}; again")
            wait = float(answer.headers.get("Retry-After", wait))
        if attempt + 1 < ATTEMPTS:
            time.sleep(wait * random.uniform(0.5, 1))  # so that many senders do not come at once
    return None


def detail(answer: httpx.Response) -> str:
    """Return what an answer says is wrong, every fault on a line of its own."""
    if "json" not in answer.headers.get("Content-Type", ""):
        return str(answer.status_code)  # a proxy's page
    problem = answer.json()
    faults = [f"{f['pointer'] or '/'} {f['detail']}" for f in problem.get("errors", ())]
    return "\n  ".join([f"{answer.status_code}: {problem['detail']}", *faults])


def show(name: str, receipt: dict[str, Any]) -> None:
    """Print what a professional needs to see of a receipt."""
    print(f"{name}: {receipt['status']}, id {receipt['id']}")
    if warning := receipt.get("warning"):
        print(f"  ! {warning}")
    for alert in receipt.get("alerts", ()):
        print(f"  {alert['change']} for {alert.get('title') or alert['agency']}: {alert['state']}")
    for held in receipt.get("held", ()):
        print(f"  held, {held['detail']}")
        for missing in held.get("missing", ()):
            print(f"    missing: {missing['detail']}")
    for question in receipt.get("questions", ()):
        print(f"  ? {question['detail']}")


if __name__ == "__main__":
    sys.exit(main())
