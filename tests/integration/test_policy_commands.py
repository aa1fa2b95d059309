"""`gateway policy print` and `gateway policy explain`, run as people run them."""

from __future__ import annotations

import re
import shutil
from functools import cache
from pathlib import Path

import orjson
import pytest

from gateway.examples import AREA, EXAMPLES, MESSAGES
from gateway.policy.loader import DEFAULT
from gateway.policy.page import policy_page
from schemas.receipt import SENTENCE
from tests.builders import a_review, changed, default_policy, directory
from tests.end_to_end.running import ROOT, Said, gateway, within_this_process


@cache
def explained(name: str) -> Said:
    folder = EXAMPLES if name.startswith("fhir/") else MESSAGES
    return within_this_process("policy", "explain", folder / f"{name}.json", folder=ROOT)


def explain(message: object, folder: Path) -> Said:
    """Explain a message, or bytes that are none."""
    content = message if isinstance(message, bytes) else orjson.dumps(message)
    (folder / "message.json").write_bytes(content)
    return within_this_process("policy", "explain", "message.json", folder=folder)


def block(output: str, route: str) -> str:
    """Return what is printed about one route."""
    [found] = re.findall(rf"^Route {route}: .*?(?:\n\n|\Z)", output, flags=re.DOTALL | re.MULTILINE)
    return str(found)


def test_print_gives_the_page_for_the_data_sharing_agreement() -> None:
    printed = gateway("policy", "print", folder=ROOT)
    assert (printed.code, printed.err) == (0, "")
    assert printed.out.rstrip("\n") == policy_page(default_policy(), directory()).rstrip("\n")


def test_explain_shows_route_service_basis_and_what_is_seen_beside_what_is_not() -> None:
    shown = explained("review")
    assert (shown.code, shown.err) == (0, "")
    setting = block(shown.out, "B")
    assert "told: Little Acorns Example Nursery (education)" in setting
    assert "basis: agreed, Agreement of the person" in setting
    assert "+ child.familyName: Ashdown" in setting
    assert "+ review.strengths: Maya loves music" in setting
    seen, unseen = setting.split("does not see: ")
    for field in ("child.nhsNumber", "child.address", "review.asq3", "sharing.opinion"):
        assert field in unseen
        assert field not in seen
    assert "9990001006" not in setting
    sen_team = block(shown.out, "C")
    assert "told: Early years SEN team" in sen_team
    assert "basis: s23" in sen_team
    assert "Children and Families Act 2014 s.23" in sen_team
    assert "review.asq3" in sen_team.split("does not see: ")[1]
    assert "+ review.asq3.scores[0].score: 25" in block(shown.out, "A")


def test_explain_shows_what_is_held_and_what_is_missing() -> None:
    shown = explained("review-held")
    assert shown.code == 0, "a hold is an answer, and no fault"
    assert "Held route C (s23)" in shown.out
    assert "missing /sharing/opinion/parentInformedOn: when the parent was informed" in shown.out
    assert "missing /sharing/opinion/talkOffered: " in shown.out
    assert "Send the whole message again" in shown.out


def test_explain_shows_harm_to_the_front_door_urgent_and_to_nobody_else() -> None:
    shown = explained("safeguarding")
    assert re.findall(r"told: (.*)", shown.out) == [
        "Integrated Access and Referral Team (front door) (social-care) · urgent"
    ]


def test_explain_reads_fhir_as_well() -> None:
    shown = explained("fhir/r4/review")
    assert shown.code == 0
    assert "told: " in shown.out


@pytest.mark.parametrize("name", ["review", "review-held", "review-no-concern", "safeguarding"])
def test_what_is_printed_says_nothing_of_who_is_not_told(name: str) -> None:
    shown = explained(name)
    assert shown.out.rstrip().endswith(SENTENCE)
    assert "ilent" not in shown.out
    assert "not told" not in shown.out


def test_a_message_that_is_refused_is_an_exit_code_and_every_fault_at_once() -> None:
    shown = explained("review-refused")
    assert shown.code == 1
    assert shown.out == ""
    for place in ("/review/outcome: ", "/review/outcom: ", "/review/asq3/scores/0/score: "):
        assert place in shown.err
    assert "did you mean `outcome`?" in shown.err


def test_a_retract_is_explained_as_one_and_not_as_if_it_stood(tmp_path: Path) -> None:
    whole = a_review(action="retract", retractReason="entered-in-error")
    shown = explain(whole, tmp_path)
    assert shown.code == 0
    assert "told: " not in shown.out
    assert "retract" in shown.out


def test_words_of_the_message_are_shown_as_they_stand(tmp_path: Path) -> None:
    words = "Says :dog: and [red]no[/red] \\[sic]; 100% sure."
    message = changed(a_review(), "review.nextStep", words)
    shown = explain(message, tmp_path)
    assert f"+ review.nextStep: {words}\n" in shown.out


@pytest.mark.parametrize(
    ("content", "says"), [(b'{"kind": ', "line 1"), (b"\xff\xfe", ""), (b"[]", ""), (b"", "")]
)
def test_what_is_no_message_is_refused_in_words(tmp_path: Path, content: bytes, says: str) -> None:
    shown = explain(content, tmp_path)
    assert shown.code == 1
    assert "message.json" in shown.err
    assert says in shown.err


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    assert within_this_process("policy", "explain", "nowhere.json", folder=tmp_path).code == 2


def test_a_policy_with_a_fault_stops_the_command_with_file_and_line(tmp_path: Path) -> None:
    text = DEFAULT.read_text(encoding="utf-8")
    faulty = tmp_path / "area.yaml"
    faulty.write_text(
        text.replace("    to: inclusion-team", "    to: inclusion-teem"), encoding="utf-8"
    )
    line = text[: text.index("    to: inclusion-team")].count("\n") + 1
    shown = within_this_process("policy", "print", folder=tmp_path, GATEWAY_POLICY=str(faulty))
    assert shown.code == 2
    assert shown.out == ""
    assert f"area.yaml:{line}: the directory has no role `inclusion-teem`" in shown.err


def test_moving_a_service_in_the_directory_moves_what_explain_says(tmp_path: Path) -> None:
    moved = Path(shutil.copytree(AREA, tmp_path / "area"))
    main = (moved / "directory.yaml").read_text(encoding="utf-8")
    (moved / "directory.yaml").write_text(
        main.replace("[speech-therapy-today.yaml]", "[speech-therapy-2016.yaml]"), encoding="utf-8"
    )
    assert "told: Children's speech and language therapy" in explained("referral").out
    message, area = MESSAGES / "referral.json", {"GATEWAY_DIRECTORY": str(moved)}
    then = within_this_process("policy", "explain", message, folder=tmp_path, **area)
    assert "told: Speech and language therapy, West Cheshire (health)" in then.out


def test_explain_stores_nothing(tmp_path: Path) -> None:
    message = MESSAGES / "safeguarding.json"
    assert within_this_process("policy", "explain", message, folder=tmp_path).code == 0
    assert list(tmp_path.iterdir()) == []
