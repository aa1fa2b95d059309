"""What holds for every format of a delivery."""

from __future__ import annotations

import html
import re
from calendar import month_name
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

import adapters
from adapters.outbound import FORMATS
from adapters.outbound.referral_form import form
from adapters.outbound.stored import read
from schemas.fields import MODELS
from schemas.message import KINDS, Kind
from schemas.receipt import SENTENCE
from scripts.alert_examples import FOLDER, examples
from tests.strategies import whole_messages
from tests.unit.adapters.alerts import (
    BASE,
    CHANGES,
    SAMPLES,
    any_fields,
    event,
    fields_of,
    sample,
    stored,
    strings,
)

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def words(text: str) -> set[str]:
    """The words of a text, without case and leading zeros; numbers as they read."""
    apart = re.sub(r"(?<=\d)t(?=\d)", " ", UUID.sub(" ", text).casefold())
    found = re.findall(r"[^\W_]+", apart)
    return {word.lstrip("0") or "0" for word in found}


def said_by(name: str, body: bytes) -> set[str]:
    """The words that a rendered alert says to whoever reads it."""
    text = FORMATS[name].render(body).decode()
    if name.endswith("html"):
        text = html.unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", text, flags=re.DOTALL))
    elif name.endswith("xml"):
        text = html.unescape(text)
    else:
        text = "\n".join(strings(orjson.loads(text)))
    return words(text)


@cache
def of_our_own() -> set[str]:
    """The words that stand in the adapters' own code, tables and page, and in the model's names."""
    folder = Path(adapters.__file__).parent
    files = [p for p in folder.rglob("*") if p.suffix in (".py", ".csv", ".html")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    names = orjson.dumps([model.model_json_schema() for model in MODELS.values()]).decode()
    spaced = re.sub(r"([A-Z0-9]+)", r" \1", names)
    return words(f"{text} {names} {spaced} {SENTENCE} {' '.join(month_name)}")


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_leaves_that_is_not_in_the_stored_alert(name: str) -> None:
    @whole_messages(15)
    @given(
        st.sampled_from(KINDS).flatmap(
            lambda kind: st.tuples(st.just(kind), any_fields(kind, cut=False))
        )
    )
    def check(drawn: tuple[Kind, dict[str, Any]]) -> None:
        body = stored(*drawn)
        known = words("\n".join(strings(event(body)))) | of_our_own()
        known |= words("\n".join(due["on"] for due in form(read(body)).get("dates", ())))
        assert said_by(name, body) - known == set()

    check()


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "mns-signal"])
@pytest.mark.parametrize("kind", KINDS)
def test_whatever_the_view_lets_through_arrives(name: str, kind: Kind) -> None:
    [sample_name] = [one for one in SAMPLES if one == kind]
    body = sample(sample_name)
    told = {v for v in strings(event(body)["data"]["fields"]) if re.search(r"[A-Z][a-z]{2}", v)}
    assert {v for v in told - {"True", "False"} if words(v) - said_by(name, body)} == set()


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", SAMPLES)
def test_every_kind_and_change_has_a_form(kind: str, change: str, name: str) -> None:
    body = sample(kind, change)
    assert FORMATS[name].render(body) == FORMATS[name].render(body)
    if change == "withdrawn":
        child = set(strings(fields_of(event(sample(kind))["data"]["fields"]["child"])))
        said = FORMATS[name].render(body).decode()
        assert [value for value in child if len(value) > 2 and value in said] == []
        assert BASE in said or name.startswith("referral-form")


def test_the_examples_and_their_page_are_current() -> None:
    written = {path.name: path.read_bytes() for path in FOLDER.iterdir()}
    assert examples() == written, "run `python -m scripts.alert_examples`"
    page = (FOLDER.parents[1] / "docs" / "formats.md").read_text(encoding="utf-8")
    for name, format_ in FORMATS.items():
        assert f"| `{name}` | `{format_.media_type}` |" in page
    for name in written:
        assert f"(../examples/alerts/{name})" in page
