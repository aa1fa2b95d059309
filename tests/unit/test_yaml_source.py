"""YAML is read as its version 1.2 has it, whatever the parser underneath knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.yaml_source import YamlSource


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("on", "on"),
        ("no", "no"),
        ("true", True),
        ("2026-01-01", "2026-01-01"),
        ("012", "012"),
        ("-2", -2),
        ("12:30", "12:30"),
        ("1:30.5", "1:30.5"),
        ("1_000", "1_000"),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1e", "1e"),
        ("", None),
    ],
)
def test_a_scalar_is_what_version_1_2_says(tmp_path: Path, written: str, read: Any) -> None:
    file = tmp_path / "one.yaml"
    file.write_text(f"a: {written}\n")
    value = YamlSource(file).data["a"]
    assert (value, type(value)) == (read, type(read))
