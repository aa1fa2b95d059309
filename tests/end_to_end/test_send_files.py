"""`gateway send` and `gateway check-file` with a school's file: from an export to a receipt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from adapters.inbound.files.templates import template_csv
from tests.end_to_end.running import ROOT, Said, Serving, a_gateway, within_this_process
from tests.school_files import a_ctf, a_pupil, a_upn

SAMPLE = ROOT / "examples" / "files" / "8969901_CTF_896LLLL_001.xml"
K = [("2025-09-01", "N"), ("2026-01-05", "K")]
TOLD = ("--parents-told", "2026-11-18", "--by", "Ruth Okafor, SENCO")


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with a_gateway(tmp_path_factory.mktemp("files"), "--no-relay") as serving:
        yield serving


@pytest.fixture(scope="module")
def key(serving: Serving) -> str:
    return serving.key("urn:199901")


def send(serving: Serving, key: str, *words: object) -> Said:
    over = {"GATEWAY_URL": serving.url, "GATEWAY_KEY": key}
    return within_this_process("send", *words, folder=serving.folder, **over)


def lines_with(said: Said, word: str) -> list[str]:
    return [line for line in said.out.splitlines() if word in line]


@pytest.mark.conforms(
    standard="Common Transfer File", event="CTfile", format="XML", direction="in", outcome="taken"
)
def test_a_clerk_gets_from_an_export_to_receipts_in_one_command(serving: Serving, key: str) -> None:
    said = send(serving, key, SAMPLE, *TOLD)
    assert said.code == 0, said.err
    assert "Common Transfer File of urn:199901" in said.out
    assert "accepted" in lines_with(said, "U896200026000")[0]
    assert len(lines_with(said, "Inclusion team")) == 3
    assert "3 accepted, 1 nothing" in said.out
    again = send(serving, key, SAMPLE, *TOLD)
    assert again.out == said.out, "the same file again: the same answer"
    reworded = send(serving, key, SAMPLE, *TOLD[:3], "Ruth Okafor, the school's SENCO")
    assert "nobody is told anything new" not in said.out
    assert len(lines_with(reworded, "nobody is told anything new")) == 3, reworded


def test_a_statement_s_file_says_more(serving: Serving, key: str, tmp_path: Path) -> None:
    statement = tmp_path / "statement.json"
    told = {"notice": {"parentsTold": {"on": "2026-01-09"}}}
    statement.write_bytes(orjson.dumps({"byRecord": {a_upn(2): told}}))
    file = tmp_path / "export.xml"
    file.write_bytes(a_ctf(a_pupil(1, K), a_pupil(2, K)))
    said = send(serving, key, file, "--statement", statement)
    assert said.code == 0, said.err
    assert "held" in lines_with(said, a_upn(1))[0]
    assert "education" in lines_with(said, a_upn(2))[0]
    assert "--parents-told" in said.out


def test_a_pupil_that_is_not_taken_ends_with_1_and_is_named_by_place_and_upn(
    serving: Serving, key: str, tmp_path: Path
) -> None:
    file = tmp_path / "export.xml"
    file.write_bytes(a_ctf(a_pupil(3, K), a_pupil(4, [("05/09/26", "K")]), a_pupil(5, K, UPN="")))
    said = send(serving, key, file)
    assert said.code == 1
    assert "refused" in lines_with(said, a_upn(4))[0]
    assert "StartDate: may be" in " ".join(said.out.split())
    assert "refused" in lines_with(said, "pupil 3")[0]
    assert "1 accepted, 2 refused" in said.out


@pytest.mark.parametrize(
    ("content", "words", "code", "says"),
    [
        (a_ctf(a_pupil(1, K), SourceSchool={"LEA": "896", "Estab": "9902"}), (), 1, "896/9902"),
        (a_ctf(a_pupil(1, K))[:-30], (), 1, "This is not XML"),
        (a_ctf(a_pupil(1, K)), ("--parents-told", "Tuesday"), 2, "notice/parentsTold/on"),
        (b"Pupil;Points\r\n1;2\r\n", (), 1, "header of a template"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1rest", (), 1, "old kind (.xls)"),
        (b"<html></html>", (), 1, "of no format"),
        (b"", (), 1, "is empty"),
    ],
)
def test_what_cannot_be_sent_says_why(
    serving: Serving,
    key: str,
    tmp_path: Path,
    content: bytes,
    words: tuple[str, ...],
    code: int,
    says: str,
) -> None:
    file = tmp_path / "export.xml"
    file.write_bytes(content)
    said = send(serving, key, file, *words)
    assert said.code == code
    assert says in " ".join(said.err.split())


def test_a_check_says_who_would_be_told_and_sends_nothing(
    serving: Serving, key: str, tmp_path: Path
) -> None:
    file = tmp_path / "export.xml"
    file.write_bytes(a_ctf(a_pupil(7, K)))
    said = send(serving, key, file, "--check", "--parents-told", "2026-01-09")
    assert said.code == 0, said.err
    assert "would go to education" in " ".join(said.out.split())
    assert "nothing was stored" in said.out
    assert "1 accepted" in send(serving, key, file).out


def test_a_table_without_rows_is_named_and_takes_nothing(
    serving: Serving, key: str, tmp_path: Path
) -> None:
    file = tmp_path / "empty.csv"
    file.write_bytes(template_csv("sen-support-notice"))
    said = send(serving, key, file)
    assert said.code == 0, said.err
    assert "no row below its header" in " ".join(said.out.split())


def check(folder: Path, *words: object) -> Said:
    return within_this_process("check-file", *words, folder=folder)


def test_a_file_is_checked_at_the_desk_without_key_or_gateway(tmp_path: Path) -> None:
    held = check(tmp_path, SAMPLE)
    assert held.code == 0
    assert len(lines_with(held, "would be held")) == 3
    assert "--parents-told" in held.out
    goes = check(tmp_path, SAMPLE, *TOLD)
    assert len(lines_with(goes, "would go to education")) == 3
    assert "nothing was stored" in goes.out
    assert list(tmp_path.iterdir()) == [], "nothing is stored"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (a_ctf(a_pupil(1, [("05/09/26", "K")])), "StartDate"),
        (
            a_ctf(a_pupil(1, K), SourceSchool={"LEA": "896", "Estab": "0001"}),
            "not in the directory",
        ),
        (b"<CTfile>", "line 1"),
        (b"a letter", "of no format"),
        (template_csv("sen-support-notice", example=True), "--source urn:"),
    ],
)
def test_a_check_that_finds_a_fault_ends_with_1(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "export.xml"
    file.write_bytes(content)
    said = check(tmp_path, file)
    assert said.code == 1
    assert says in " ".join((said.out + said.err).split())
