"""The multi-agency referral form: as JSON, as a page, and in a real browser."""

from __future__ import annotations

import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import orjson
import pytest

from adapters.outbound import FORMATS
from adapters.outbound.referral_form import MEANING, NO_CLOCK
from schemas.alert import AlertSender
from schemas.receipt import SENTENCE
from tests.builders import HARM, a_child
from tests.unit.adapters.alerts import ALERT, SAMPLES, THREAD, sample, stored

Json = dict[str, Any]
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
PNG = b"\x89PNG\r\n\x1a\n"


def form(body: bytes) -> Json:
    return orjson.loads(FORMATS["referral-form"].render(body))  # type: ignore[no-any-return]


def page(body: bytes) -> str:
    return FORMATS["referral-form+html"].render(body).decode()


class Outline(HTMLParser):
    """What a reader without eyes is told: headings, tables with their names, rows with theirs."""

    VOID = ("meta", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[tuple[str, str]] = []
        self.language = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        if tag == "html":
            self.language = dict(attrs)["lang"] or ""
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self.open[-1], data.strip()))

    def of(self, tag: str) -> list[str]:
        return [text for inside, text in self.texts if inside == tag]


CONFORMS = {
    "standard": "Referral form",
    "event": "alert",
    "direction": "out",
    "outcome": "rendered",
}


@pytest.mark.conforms(format="HTML", **CONFORMS)
@pytest.mark.parametrize("name", SAMPLES)
def test_the_page_is_one_that_everybody_can_read(name: str) -> None:
    outline = Outline(page(sample(name)))
    assert outline.open == []
    assert outline.language == "en-GB"
    assert len(outline.of("h1")) == 1
    assert outline.of("caption")
    assert len(outline.of("h2")) >= 4
    scopes = [value for key, value in outline.attributes if key == "scope"]
    assert set(scopes) == {"row", "col"} if "thead" in outline.tags else {"row"}
    # Each label leads to a part that is there.
    ids = {value for key, value in outline.attributes if key == "id"}
    assert {value for key, value in outline.attributes if key == "aria-labelledby"} == ids


@pytest.mark.parametrize("name", SAMPLES)
def test_the_page_runs_nothing_and_fetches_nothing(name: str) -> None:
    body = sample(name)
    text = page(body)
    outline = Outline(text)
    assert not {"script", "link", "img", "iframe", "form", "object"} & outline.tags
    assert not [
        key for key, _ in outline.attributes if key.startswith("on") or key in ("src", "href")
    ]
    assert "url(" not in text
    assert "@import" not in text
    assert SENTENCE in text.replace("&#39;", "'")
    assert page(body) == text


def test_markup_in_a_message_is_only_text() -> None:
    child = a_child(familyName="<script>alert(1)</script>", note='"><b>')
    text = page(stored("referral", {"child": child}))
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


@pytest.mark.conforms(format="JSON", **CONFORMS)
@pytest.mark.parametrize("name", SAMPLES)
def test_the_form_carries_the_fields_as_the_view_cut_them(name: str) -> None:
    found = form(sample(name))
    assert found["fields"]["child"]["familyName"] == "Ashdown"
    assert found["sentence"] == SENTENCE
    assert found["notStated"] == MEANING
    assert (found["reference"], found["issue"]) == (THREAD, ALERT)


def test_no_number_tells_how_many_versions_there_were() -> None:
    body = sample("referral", "updated")
    for text in (FORMATS["referral-form"].render(body).decode(), page(body)):
        assert "0000000003" not in text
        assert "sequence" not in text


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ({}, {"answer": "not-stated"}),
        ({"sharing": {"harm": HARM}}, {"answer": "no", "whyNot": "It might raise the risk."}),
        ({"sharing": {"harm": {"parentsTold": True}}}, {"answer": "yes", "on": []}),
        ({"sharing": {"notInformedBecause": "Unsafe."}}, {"answer": "no", "whyNot": "Unsafe."}),
        (
            {"sharing": {"informed": [{"person": "has-care", "on": "2026-11-17"}]}},
            {"answer": "yes", "on": ["2026-11-17"]},
        ),
        (
            {"sharing": {"opinion": {"parentInformedOn": "2026-11-16"}}},
            {"answer": "yes", "on": ["2026-11-16"]},
        ),
    ],
)
def test_whether_the_parents_were_told_is_what_the_sender_states(
    fields: Json, answer: Json
) -> None:
    assert form(stored("referral", fields))["parentsTold"] == answer


@pytest.mark.parametrize(
    ("agreement", "answer"),
    [
        ({"status": "given", "by": "Sam Ashdown"}, "yes"),
        ({"status": "refused"}, "no"),
        ({"status": "withdrawn"}, "no"),
        ({"status": "not-asked"}, "not-asked"),
        ({"status": "not-known"}, "not-known"),
        ({}, "not-stated"),
    ],
)
def test_silence_is_neither_consent_nor_refusal(agreement: Json, answer: str) -> None:
    consent = form(stored("referral", {"sharing": {"agreement": agreement}}))["consent"]
    assert consent == {**agreement, "answer": answer}


@pytest.mark.parametrize(
    ("organisation", "role", "code"),
    [
        ("ods:RXA", "Health visitor", "3B"),
        ("ods:RXA", "Specialist School Nurse", "3C"),
        ("ods:N81992", "GP", "3A"),
        ("ods:N81992", "General practitioner", "3A"),
        ("ods:RBT", "Community speech and language therapist", "3D"),
        ("ods:RBT", "Hospital speech and language therapist", "3F"),
        ("ods:RBT", "Speech and language therapist", None),
        ("urn:199901", "SENCO", "2A"),
        ("urn:9999011", "Key person", None),
        ("la:896", None, None),
    ],
)
def test_the_census_source_of_referral_is_told_only_where_the_sender_s_role_tells_it(
    organisation: str, role: str | None, code: str | None
) -> None:
    sender = AlertSender(organisation=organisation, role=role)
    found = form(stored("referral", {}, agency="social-care", sender=sender))
    assert found.get("cinReferralSource", {}).get("code") == code
    assert "cinReferralSource" not in form(stored("referral", {}, sender=sender))


@pytest.mark.parametrize(
    ("contact", "warning"),
    [
        ("do-not-contact", ["Before you contact the family: do not contact them."]),
        ("speak-to-sender-first", ["Before you contact the family: speak to the sender first."]),
        ("yes", []),
    ],
)
def test_an_unsafe_contact_stands_above_everything(contact: str, warning: list[str]) -> None:
    body = stored("referral", {"sharing": {"safeContact": contact}})
    assert form(body)["safeContact"] == contact
    notices = [text for text in Outline(page(body)).of("p") if text.startswith("Before")]
    assert notices == warning


def test_the_dates_of_an_ehc_request_are_counted_from_its_receipt() -> None:
    ehc = {"requestedBy": "school", "receivedOn": "2026-11-17"}
    fields = {"referral": {"type": "ehc-needs-assessment", "ehc": ehc}}
    found = form(stored("referral", fields))
    assert [(due["weeks"], due["on"]) for due in found["dates"]] == [
        (6, "2026-12-29"),
        (16, "2027-03-09"),
        (20, "2027-04-06"),
    ]
    assert found["datesMean"] == NO_CLOCK
    assert "29 December 2026" in page(stored("referral", fields))
    del ehc["receivedOn"]
    assert "dates" not in form(stored("referral", fields))


def test_a_fact_says_who_saw_it_and_when_or_that_nobody_said() -> None:
    facts = [
        {"words": "A bruise.", "firstHand": True},
        {"words": "Shouting.", "toldBy": "A neighbour"},
    ]
    outline = Outline(page(stored("referral", {"referral": {"safeguarding": {"facts": facts}}})))
    assert {"Observed on", "Seen or heard by the sender", "Told by"} <= set(outline.of("th"))
    assert outline.of("span").count("Not stated") >= 4


def test_it_sets_no_need_code_no_factor_and_no_threshold() -> None:
    found = orjson.dumps(form(sample("safeguarding"))).decode().casefold()
    assert not [word for word in ("needcode", "factor", "threshold", "score") if word in found]


def test_a_withdrawal_says_so_and_nothing_else() -> None:
    body = stored("referral", {}, "withdrawn")
    assert form(body).keys() == {
        "form",
        "title",
        "status",
        "statusInWords",
        "reference",
        "issue",
        "issuedAt",
        "to",
        "urgency",
        "sentence",
    }
    assert Outline(page(body)).of("h2") == ["About this form", "Reference and legal ground"]


@pytest.mark.long
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here; `apt-get install chromium`")
@pytest.mark.parametrize("name", SAMPLES)
def test_a_real_browser_shows_and_prints_it(name: str, tmp_path: Path) -> None:
    file = tmp_path / "form.html"
    file.write_text(page(sample(name)), encoding="utf-8")
    shots = {
        f"--screenshot={tmp_path}/shown.png": PNG,
        f"--print-to-pdf={tmp_path}/a4.pdf": b"%PDF-",
    }
    for option, made in shots.items():
        _browse(option, file)
        assert Path(option.partition("=")[2]).read_bytes().startswith(made)
    assert SENTENCE.encode() in _browse("--dump-dom", file)


def _browse(option: str, file: Path) -> bytes:
    return subprocess.run(
        [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", option, file.as_uri()],
        capture_output=True,
        timeout=60,
        check=True,
    ).stdout


def test_a_notification_under_section_23_is_called_no_referral() -> None:
    body = stored("referral", {"referral": {"notification": {"diagnosis": "None yet."}}})
    assert form(body)["title"] == "Notification of probable special educational needs (section 23)"
    assert "Notification of probable" in Outline(page(body)).of("h1")[0]
