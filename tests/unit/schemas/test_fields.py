"""The names that the canonical model knows, as the policy and did-you-mean look them up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from schemas.fields import MODELS, choices, nearest, properties, resolve


def paths(model: type[BaseModel], deeper: int = 6) -> Iterator[list[str]]:
    for name, inner in properties(model).items():
        yield [name]
        if inner and deeper:
            yield from ([name, *rest] for rest in paths(inner, deeper - 1))


@pytest.mark.parametrize("kind", MODELS)
def test_every_field_of_every_kind_resolves_for_that_kind(kind: str) -> None:
    known = list(paths(MODELS[kind]))  # type: ignore[index]
    assert len(known) > 100
    assert [path for path in known if resolve(path, [kind])] == []  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("path", "kinds", "sentence"),
    [
        ("child.adress", (), "child has no property `adress`; did you mean `address`?"),
        ("kid", (), "a message has no property `kid`; did you mean `kind`?"),
        ("child.address.county", (), "child.address has no property `county`"),
        ("child.sex.code", (), "child.sex has no property `code`"),
        ("review.date", ("referral",), "a message has no property `review`"),
        ("findings.lvel", (), "findings has no property `lvel`; did you mean `level`?"),
        ("areas.any", (), "areas has no property `any`"),
        ("child.family_name", (), "child has no property `family_name`"),
    ],
)
def test_the_first_unknown_part_of_a_path_is_named_with_the_nearest_known(
    path: str, kinds: tuple[str, ...], sentence: str
) -> None:
    said = resolve(path.split("."), kinds)  # type: ignore[arg-type]
    assert said is not None
    assert said.startswith(sentence)


@pytest.mark.parametrize("path", ["findings", "findings.level", "areas"])
def test_what_assessment_adds_can_be_named_too(path: str) -> None:
    assert resolve(path.split(".")) is None


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("child.sex", {"female", "male", "other", "unknown"}),
        ("action", {"new", "update", "retract"}),
        ("kind", set(MODELS)),
        ("notice.provision", {"N", "K", "E"}),
        ("sharing.safeContact", {"yes", "speak-to-sender-first", "do-not-contact"}),
        ("referral.service.urgency", {"routine", "urgent"}),
        (
            "sharing.agreement.purposes",
            {
                "support-in-setting",
                "treatment",
                "special-educational-needs",
                "early-help",
                "other-support",
            },
        ),
    ],
)
def test_a_field_of_a_closed_list_gives_its_words(path: str, words: set[str]) -> None:
    assert choices(path.split(".")) == words


@pytest.mark.parametrize(
    "path", ["child.familyName", "child", "review.date", "no.such", "findings"]
)
def test_a_field_that_is_not_a_closed_list_gives_none(path: str) -> None:
    assert choices(path.split(".")) is None


def test_the_nearest_word_is_offered_only_where_one_is_near() -> None:
    assert nearest("outcom", ["outcome", "date"]) == "; did you mean `outcome`?"
    assert nearest("xyz", ["outcome", "date"]) == ""
