"""`gateway schemas`: write the JSON Schemas to a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.console import say
from gateway.json_schemas import NAMES, json_schema


def schemas(
    write: Annotated[Path, typer.Option(help="The folder to write to.")] = Path("schemas/json"),
) -> None:
    """Write the JSON Schema of each kind of message, and of the alert."""
    write.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        path = write / f"{name}.schema.json"
        path.write_text(json.dumps(json_schema(name), indent=2, ensure_ascii=False) + "\n")
        say(str(path))
