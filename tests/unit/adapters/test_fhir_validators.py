"""What others say of the FHIR that we write: validators that are not ours, on every sample."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import orjson
import pytest

from adapters.outbound import FORMATS
from tests.unit.adapters.alerts import CHANGES, SAMPLES, sample

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(shutil.which("npm") is None, reason="no npm here; install Node.js"),
]
ROOT = Path(__file__).parents[3]
HERE = ROOT / "tests" / "validators"
BODIES = {f"{name}, {change}": sample(name, change) for name in SAMPLES for change in CHANGES}
Json = dict[str, Any]


@pytest.fixture(scope="module")
def installed() -> Path:
    """The validators, installed once into .services/."""
    folder = ROOT / ".services" / "validators"
    folder.mkdir(parents=True, exist_ok=True)
    for file in HERE.iterdir():
        shutil.copy(file, folder)
    command = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=300)
    return folder


def r4(installed: Path, samples: list[Json]) -> list[Json]:
    """What the npm package `fhir` says of Bundles in JSON and in XML."""
    done = subprocess.run(
        ["node", "r4.js"],
        cwd=installed,
        input=b"\n".join(orjson.dumps(one) for one in samples),
        check=True,
        capture_output=True,
        timeout=120,
    )
    return orjson.loads(done.stdout)  # type: ignore[no-any-return]


def stu3(installed: Path, tmp_path: Path, bundles: list[Json]) -> str:
    """What the TypeScript compiler says of resources, each as its type of `@types/fhir`."""
    lines = ['/// <reference types="fhir" />']
    for bundle in bundles:
        shell = {**bundle, "entry": [{"fullUrl": e["fullUrl"]} for e in bundle["entry"]]}
        for resource in [shell, *(entry["resource"] for entry in bundle["entry"])]:
            name = f"r{len(lines)}: fhir.{resource['resourceType']}"
            lines.append(f"export const {name} = {orjson.dumps(resource).decode()};")
    file = tmp_path / "samples.ts"
    file.write_text("\n".join(lines), encoding="utf-8")
    roots = ["--typeRoots", str(installed / "node_modules" / "@types"), "--types", "fhir"]
    done = subprocess.run(
        ["node_modules/.bin/tsc", "--noEmit", "--strict", "--skipLibCheck", *roots, str(file)],
        cwd=installed,
        capture_output=True,
        timeout=300,
        check=False,
    )
    return done.stdout.decode()


def test_every_r4_message_is_valid_in_json_and_in_xml(installed: Path) -> None:
    samples = [
        {
            "json": orjson.loads(FORMATS["fhir-r4"].render(body)),
            "xml": FORMATS["fhir-r4+xml"].render(body).decode(),
        }
        for body in BODIES.values()
    ]
    said = r4(installed, samples)
    errors = {name: one["errors"] for name, one in zip(BODIES, said, strict=True)}
    assert {name: found for name, found in errors.items() if found} == {}
    for one, asked in zip(said, samples, strict=True):
        assert one["read"] == _decimals_as_text(asked["json"])


def _decimals_as_text(value: Any) -> Any:
    """The package reads a decimal from XML as it is written."""
    if isinstance(value, dict):
        return {name: _decimals_as_text(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_decimals_as_text(inner) for inner in value]
    return str(value) if isinstance(value, float) else value


def test_every_stu3_message_has_the_elements_and_types_of_stu3(
    installed: Path, tmp_path: Path
) -> None:
    bundles = [orjson.loads(FORMATS["fhir-stu3"].render(body)) for body in BODIES.values()]
    assert stu3(installed, tmp_path, bundles) == ""


def test_the_validators_see_what_is_wrong(installed: Path, tmp_path: Path) -> None:
    text = FORMATS["fhir-r4"].render(sample("referral"))
    for good, bad in ((b'"intent":"order"', b'"intent":"nonsense"'), (b"authoredOn", b"written")):
        assert text.count(good) == 1
        [said] = r4(installed, [{"json": orjson.loads(text.replace(good, bad))}])
        assert said["errors"]
    older = FORMATS["fhir-stu3"].render(sample("referral"))
    for good, bad in ((b"serviceRequested", b"code"), (b'"intent":"proposal"', b'"intent":17')):
        assert older.count(good) == 1
        assert stu3(installed, tmp_path, [orjson.loads(older.replace(good, bad))])
