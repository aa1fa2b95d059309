"""The directory: who serves a child, where a home lies, and how a wrong file is named."""

import re
import shutil
from pathlib import Path

import pytest

from gateway.directory import Directory, DirectoryFault, Home

EXAMPLE = Path(__file__).parents[2] / "examples" / "cheshire-west-and-chester"

SPEECH = "speech-and-language-therapy"

# The services that the SEND strategy names, and their standing today.
STANDING = {
    "cwac-local-offer": "named",
    "cwac-sen-team": "duty",
    "cwac-early-years-send": "named",
    "cwac-children-centres": "named",
    "cwac-early-help": "named",
    "cwac-iart": "today",
    "cwac-edt": "today",
    "cwac-cwd-team": "named",
    "cwac-autism-team": "named",
    "cwac-transition": "named",
    "cwac-young-people": "named",
    "cwac-ias": "named",
    "cwac-short-breaks": "named",
    "cwac-transport": "named",
    "mediation": "named",
    "cwac-designated-officer": "named",
    "starting-well": "named",
    "slt-west-2016": "historical",
    "slt-vale-royal-2016": "historical",
    "slt-today": "today",
    "child-development": "named",
    "camhs-ld": "named",
    "deafness-support": "named",
    "parent-carer-forum": "named",
    "special-schools": "named",
}


@pytest.fixture(scope="module")
def today() -> Directory:
    return Directory.load(EXAMPLE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the example, to be edited."""
    return shutil.copytree(EXAMPLE, tmp_path / "area")


def edit(folder: Path, name: str, old: str, new: str) -> int:
    """Replace the first `old` of a file, and return the line where it stood."""
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def faults(folder: Path) -> list[str]:
    with pytest.raises(DirectoryFault) as caught:
        Directory.load(folder)
    return [str(fault) for fault in caught.value.faults]


def chosen(directory: Directory, practice: str | None, postcode: str | None) -> str | None:
    choice = directory.choose(SPEECH, practice, postcode)
    return choice and f"{choice.service.organisation} by {choice.by}"


MESH = """
mesh:
  inbox: {EIG_REVIEW_V1: {format: fhir+json, reply: EIG_ANSWER_V1}}
  senders: {X26ABC2: "ods:RXA"}
  practices: {workflow: EIG_ALERT_V1}
"""


def with_mesh(folder: Path) -> None:
    """Give the area a MESH mailbox, a team's way by it, and a practice's."""
    edit(folder, "directory.yaml", "services:", MESH.lstrip() + "services:")
    ends = "    endpoints: [{channel: mesh, mailbox: X26HC001, workflow: EIG_ALERT_V1}]\n"
    edit(folder, "directory.yaml", "  - id: cwac-iart\n", "  - id: cwac-iart\n" + ends)
    practices = folder / "practices.csv"
    first, *rows = practices.read_text().splitlines()
    lines = [first + ",mailbox", *(r + (",GP0001" if "N81992" in r else ",") for r in rows)]
    practices.write_text("\n".join(lines) + "\n")


def test_services_and_practices_have_mailboxes(folder: Path) -> None:
    with_mesh(folder)
    directory = Directory.load(folder)
    ways = {id_: [(e.mailbox, e.format) for e in ends] for id_, ends in directory.endpoints.items()}
    assert ways == {
        "cwac-iart": [("X26HC001", "cloudevents")],
        "practice-n81992": [("GP0001", "cloudevents")],
    }
    assert directory.mesh.senders == {"X26ABC2": "ods:RXA"}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"ods:RXA"}', '"ods:RXB"}', "there is no organisation ods:RXB"),
        ("reply: EIG_ANSWER_V1", "reply: EIG_REVIEW_V1", "cannot carry answers"),
        ("mailbox: X26HC001", "mailbox: x26", "write it as MESH shows it"),
        ("mailbox: X26HC001", "mailbox: GP0001", "share mailbox GP0001 and workflow EIG_ALERT_V1"),
        ("workflow: EIG_ALERT_V1}]", "workflow: EIG_ALERT_V1, format: fax}]", "no format fax"),
        ("practices: {workflow: EIG_ALERT_V1}", "", "names mailboxes"),
        ("endpoints: [{channel: mesh", "endpoints: [{channel: pigeon", "mesh"),
    ],
)  # fmt: skip
def test_a_fault_in_what_is_said_of_mesh_names_its_line(
    old: str, new: str, told: str, folder: Path
) -> None:
    with_mesh(folder)
    line = edit(folder, "directory.yaml", old, new)
    (fault,) = faults(folder)
    assert told in fault
    assert re.match(rf"directory.yaml:({line}|{line - 1}|\d+): ", fault)


def as_in_2016(folder: Path) -> Directory:
    edit(folder, "directory.yaml", "[speech-therapy-today.yaml]", "[speech-therapy-2016.yaml]")
    return Directory.load(folder)


def test_every_service_of_the_strategy_is_there_with_its_standing(
    today: Directory, folder: Path
) -> None:
    services = {s.id: s for s in [*today.services(), *as_in_2016(folder).services()]}
    assert {id_: services[id_].standing for id_ in STANDING} == STANDING


def test_the_default_routes_find_their_services(today: Directory) -> None:
    for role, agency in {
        "early-years-sen-team": "education",
        "send-casework": "education",
        "inclusion-team": "education",
        "virtual-school": "education",
        "front-door": "social-care",
        "night-team": "social-care",
        SPEECH: "health",
        "audiology": "health",
        "paediatrics": "health",
        "health-visiting": "health",
    }.items():
        choice = today.choose(role, "N81991", "CH1 0ZZ")
        assert choice
        assert choice.service.role == role
        assert choice.service.agency == agency
        assert role in today.roles
        organisation = today.organisation(choice.service.organisation)
        assert organisation
        assert organisation.s16la


def test_a_home_that_is_known_to_lie_elsewhere_is_not_guessed_into_the_area(
    today: Directory,
) -> None:
    assert today.home("CH4 0ZX") == Home("W06000005", None)
    assert chosen(today, None, "CH4 0ZX") is None, "in Wales, though half of CH4 is in the area"
    assert chosen(today, None, "CW6 0ZX") is None, "in Cheshire East"


def test_a_child_of_a_practice_that_a_service_does_not_serve_is_not_given_it_by_address(
    folder: Path,
) -> None:
    edit(folder, "speech-therapy-today.yaml", "Vale Royal, South Cheshire]", "Vale Royal]")
    narrower = Directory.load(folder)
    assert chosen(narrower, "N81997", "CW7 9ZZ") is None
    assert chosen(narrower, None, "CW7 9ZZ") == "ods:RBT by full-postcode"


def test_a_service_for_everyone_serves_a_child_whose_home_is_not_known(today: Directory) -> None:
    choice = today.choose("front-door", None, None)
    assert choice
    assert (choice.service.id, choice.by, choice.flagged) == ("cwac-iart", "everyone", False)


def test_a_service_may_list_its_practices(folder: Path) -> None:
    edit(
        folder,
        "speech-therapy-today.yaml",
        "{practicesIn: [West Cheshire, Vale Royal, South Cheshire]}",
        "{practices: [N81994, N81996]}",
    )
    listed = Directory.load(folder)
    assert chosen(listed, "N81994", None) == "ods:RBT by general-practice"
    assert chosen(listed, "N81991", "CW7 9ZZ") is None


def test_the_authority_of_home_is_known_by_the_full_postcode_only(today: Directory) -> None:
    assert today.home("CH65 9ZZ") == Home("896", "West Cheshire")
    assert today.home("CW1 0ZZ") == Home("895", "South Cheshire")
    assert today.home("CH65 1AA") is None
    assert today.home("CH65") is None
    assert today.la_code == today.area.la_code == "896"


def test_practices_and_settings_are_organisations_and_services(today: Directory) -> None:
    practice = today.practice_service("N81994")
    assert practice
    assert (practice.id, practice.role, practice.agency) == (
        "practice-n81994",
        "general-practice",
        "health",
    )
    setting = today.setting_service("9999011")
    assert setting
    assert (setting.id, setting.role, setting.agency) == ("setting-9999011", "setting", "education")
    school = today.organisation("urn:199901")
    assert school
    assert (school.type, school.sends) == ("school", ("sen-support-notice", "referral"))
    assert today.setting("199901").laestab == "8969901"  # type: ignore[union-attr]
    assert today.organisation_service("urn:9999011") == setting
    assert today.organisation_service("ods:N81994") == practice


def test_one_that_is_not_in_the_directory_is_no_recipient(today: Directory) -> None:
    assert today.practice_service("A83627") is None, "an organisation, but no practice of the area"
    assert today.practice_service("RXA") is None
    assert today.setting_service("199999") is None
    assert today.organisation_service("ods:QQQ") is None
    assert today.organisation("RXA") is None


def test_a_voluntary_body_is_told_as_itself_and_is_of_no_agency(today: Directory) -> None:
    body = today.organisation_service("ods:8Z911")
    assert body
    assert (body.id, body.role, body.agency) == ("organisation-ods-8z911", "organisation", None)
    trust = today.organisation_service("ods:RXA")
    assert trust
    assert trust.agency == "health"


def test_only_persons_of_section_16la_have_a_letter(today: Directory) -> None:
    for organisation in today.organisations():
        without = {"voluntary-organisation", "independent-provider", "supplier"}
        assert bool(organisation.s16la) == (organisation.type not in without)


def test_what_the_area_tells_people_is_there(today: Directory) -> None:
    assert today.area.telephones.front_door == "0300 123 7047"
    assert today.area.telephones.night_team == "01244 977277"
    assert "data protection officer" in today.area.data_protection_officer


def test_an_unknown_key_is_named_with_its_line_and_the_one_that_was_meant(folder: Path) -> None:
    line = edit(folder, "directory.yaml", "standing: named\n    ages: 0-5", "standings: named")
    (unknown, missing) = sorted(faults(folder), reverse=True)
    assert unknown.startswith(f"directory.yaml:{line}: ")
    assert "did you mean `standing`?" in unknown
    assert "`standing` is missing" in missing


def test_every_fault_within_the_files_is_named_at_once(folder: Path) -> None:
    agency = edit(folder, "directory.yaml", "agency: social-care", "agency: social care")
    key = edit(folder, "directory.yaml", "key: ods:RXA", "key: RXA")
    serves = edit(
        folder, "directory.yaml", "{localities: [Vale", "{everyone: true, localities: [Vale"
    )
    role = edit(folder, "directory.yaml", "role: audiology", "role: Audiology")
    edit(folder, "practices.csv", "CH65 9ZX", "CH65")
    edit(folder, "settings.csv", "199902", "19990X")
    edit(folder, "postcodes.csv", "W06000005", "Flintshire")
    edit(folder, "outward.csv", "outward,", "outwards,")
    found = faults(folder)
    for beginning, right in [
        (f"directory.yaml:{agency}: ", "'social-care'"),
        (f"directory.yaml:{key}: ", "ods:RXA"),
        (f"directory.yaml:{serves}: ", "one list"),
        (f"directory.yaml:{role}: ", "lower-case words"),
        ("practices.csv, row 3, column postcode: ", "write both halves"),
        ("settings.csv, row 3, column urn: ", "6 digits of a school"),
        ("postcodes.csv, row 9, column la_code: ", "W06000005"),
        ("outward.csv, row 1, column outwards: ", "did you mean `outward`?"),
    ]:
        (fault,) = [f for f in found if f.startswith(beginning)]
        assert right in fault
    assert len(found) == 9, "and the column `outward` that is missing"


def test_every_fault_between_the_files_is_named_at_once(folder: Path) -> None:
    organisation = edit(folder, "directory.yaml", "organisation: ods:QYG", "organisation: ods:QYX")
    locality = edit(folder, "directory.yaml", "{localities: [Vale Royal]}", "{localities: [Vale]}")
    again = edit(folder, "directory.yaml", "key: ods:8Z912", "key: ods:8Z911")
    edit(folder, "practices.csv", "West Cheshire", "West Cheshires")
    edit(folder, "postcodes.csv", "896,West Cheshire", "896,")
    edit(folder, "directory.yaml", "  post-16-institution:", "  supplier:")
    found = faults(folder)
    for beginning, right in [
        (f"directory.yaml:{organisation}: ", "did you mean `ods:"),
        (f"directory.yaml:{locality}: ", "it has West Cheshire, Vale Royal, South Cheshire"),
        (f"directory.yaml:{again}: ", "keep one"),
        ("practices.csv, row 2, column locality: ", "did you mean `West Cheshire`?"),
        ("postcodes.csv, row 2, column locality: ", "write the locality"),
        ("settings.csv, row 7: ", "no `terms` for the type post-16-institution"),
    ]:
        assert any(f.startswith(beginning) and right in f for f in found), (beginning, found)


def test_two_services_of_one_role_for_one_child_are_a_fault(folder: Path) -> None:
    edit(
        folder,
        "directory.yaml",
        "[speech-therapy-today.yaml]",
        "[speech-therapy-today.yaml, speech-therapy-2016.yaml]",
    )
    found = faults(folder)
    assert len(found) == 2
    for fault in found:
        assert re.match(r"speech-therapy-2016\.yaml:\d+: ", fault)
        assert f"has a service of role {SPEECH} already: slt-today" in fault


def test_a_service_for_everyone_leaves_nobody_to_another_of_its_role(folder: Path) -> None:
    edit(folder, "directory.yaml", "serves: {localities: [West Cheshire]}", "serves: everyone")
    (fault,) = faults(folder)
    assert "locality Vale Royal has a service of role paediatrics already" in fault


def test_a_code_that_stands_twice_is_named(folder: Path) -> None:
    edit(folder, "practices.csv", "N81992", "N81991")
    assert faults(folder) == [
        "practices.csv, row 3, column ods: is given a second time, after row 2; keep one"
    ]


def test_a_file_that_is_not_yaml_is_named_with_its_line(folder: Path) -> None:
    line = edit(folder, "directory.yaml", "organisations:", "organisations: [")
    (fault,) = faults(folder)
    assert re.match(r"directory\.yaml:\d+: is not YAML", fault)
    assert int(fault.split(":")[1]) >= line


def test_a_file_that_is_not_there_is_named(folder: Path) -> None:
    (folder / "practices.csv").unlink()
    edit(folder, "directory.yaml", "[speech-therapy-today.yaml]", "[speech-therapy.yaml]")
    found = faults(folder)
    assert [fault.split(":")[0] for fault in found] == ["speech-therapy.yaml", "practices.csv"]


def test_numbers_that_yaml_would_read_as_numbers_are_asked_for_in_words(folder: Path) -> None:
    line = edit(folder, "directory.yaml", 'laCode: "896"', "laCode: 896")
    (fault,) = faults(folder)
    assert fault.startswith(f"directory.yaml:{line}: `area.laCode`")
    assert "string" in fault


DEFAULT = """    defaultStatement:
      signedBy: Caldicott Guardian
      on: 2026-10-01
      sharing: {%s}
"""


def with_default(folder: Path, stated: str) -> Path:
    first = "  - key: ods:RXA\n"
    edit(folder, "directory.yaml", first, first + DEFAULT % stated)
    return folder


def test_an_organisation_may_have_a_signed_default_statement(folder: Path) -> None:
    loaded = Directory.load(with_default(folder, "safeContact: speak-to-sender-first"))
    found = loaded.organisation("ods:RXA")
    assert found
    assert found.default_statement
    assert found.default_statement.signed_by == "Caldicott Guardian"
    assert found.default_statement.sharing.safe_contact == "speak-to-sender-first"


@pytest.mark.parametrize(
    "fact",
    [
        "agreement: {status: given}",
        "informed: []",
        "opinion: {}",
        "welfareJudgements: []",
        "harm: {}",
        "restricted: true",
        "safeContact: speak-to-sender-first, disagreement: false",
    ],
)
def test_no_default_supplies_a_fact_about_one_child(folder: Path, fact: str) -> None:
    with pytest.raises(DirectoryFault) as refused:
        Directory.load(with_default(folder, fact))
    [fault] = refused.value.faults
    assert "a fact about one child, which no default may supply" in str(fault)


def test_no_default_says_that_a_family_may_be_contacted(folder: Path) -> None:
    with pytest.raises(DirectoryFault):
        Directory.load(with_default(folder, 'safeContact: "yes"'))
