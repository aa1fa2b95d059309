"""Writes examples/alerts anew: one stored alert in every format.

`python -m scripts.alert_examples`
"""

from __future__ import annotations

from pathlib import Path

import orjson

from adapters.outbound import FORMATS

FOLDER = Path(__file__).parents[1] / "examples" / "alerts"


def examples() -> dict[str, bytes]:
    """Return every example by its file's name. JSON is indented, for people."""
    stored = orjson.dumps(orjson.loads((FOLDER / "cloudevents.json").read_bytes()))
    found = {}
    for name, format_ in FORMATS.items():
        plain, _, kind = name.partition("+")
        rendered = format_.render(stored)
        if not kind:
            rendered = orjson.dumps(orjson.loads(rendered), option=orjson.OPT_INDENT_2) + b"\n"
        found[f"{plain}.{kind or 'json'}"] = rendered
    return found


if __name__ == "__main__":
    for name, content in examples().items():
        (FOLDER / name).write_bytes(content)
