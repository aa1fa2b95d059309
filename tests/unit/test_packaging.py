"""The wheel holds what a machine needs that has no checkout."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """Every path in the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


def files_of(folder):
    """Every file under a folder of the checkout, by its path from there."""
    found = {
        path.relative_to(ROOT / folder).as_posix()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert found
    return found


@pytest.mark.parametrize("room", ["schemas", "adapters", "gateway"])
def test_each_room_is_packed_with_its_tables_policies_migrations_and_templates(packed, room):
    assert {f"{room}/{path}" for path in files_of(room)} <= packed


@pytest.mark.parametrize("example", ["cheshire-west-and-chester", "fhir", "messages"])
def test_the_area_and_the_messages_that_a_first_run_uses_are_packed(packed, example):
    packed_as = f"gateway/_examples/{example}"
    assert {f"{packed_as}/{path}" for path in files_of(f"examples/{example}")} <= packed


def test_neither_tests_nor_secrets_are_packed(packed):
    rooms = {path.split("/")[0] for path in packed}
    information = {room for room in rooms if room.endswith(".dist-info")}
    assert rooms - information == {"adapters", "gateway", "schemas"}
