"""The path language of the profile tables."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.inbound.fhir.paths import Node, Nodes, compile_path

PATIENT = {
    "resourceType": "Patient",
    "name": [
        {"use": "old", "family": "Ash"},
        {"use": "official", "family": "Beech", "given": ["Cee", "Dee"]},
    ],
    "active": True,
    "link": [{"at": 1, "link": [{"at": 2}]}],
    "birthDate": "2024-05",
    "item": [
        {
            "linkId": "a",
            "answer": [
                {"valueString": "one", "item": [{"linkId": "b", "answer": [{"valueInteger": 2}]}]}
            ],
        },
        {
            "linkId": "group",
            "item": [{"linkId": "a", "answer": [{"valueString": "three"}, "no object"]}],
        },
    ],
    "extension": [{"url": "https://a.example/x.y", "valueInteger": 3}],
}


class Scope:
    def __init__(self) -> None:
        self.variables = {"%old": [Node("old", "")]}
        self.roots = {"Bundle": Node({"entry": [PATIENT]}, "Bundle")}

    def resolve(self, reference: Node) -> Nodes:
        return [Node(reference.value["reference"], "somewhere")]

    def unread(self, resources: Nodes) -> Nodes:
        return resources[1:]


def find(expression: str) -> list[tuple[Any, str]]:
    return [tuple(node) for node in compile_path(expression)(Scope(), [Node(PATIENT, "Patient")])]


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("name.family", [("Ash", "Patient.name[0].family"), ("Beech", "Patient.name[1].family")]),
        ("$this.name.where(use='official').given[1]", [("Dee", "Patient.name[1].given[1]")]),
        ("name.where(use=%old).family", [("Ash", "Patient.name[0].family")]),
        ("name.where(given.empty()).family", [("Ash", "Patient.name[0].family")]),
        ("name.where(given).family", [("Beech", "Patient.name[1].family")]),
        ("name.first().use | active", [("old", "Patient.name[0].use"), (True, "Patient.active")]),
        ("$this.where(active=true).resourceType", [("Patient", "Patient.resourceType")]),
        ("extension('https://a.example/x.y').valueInteger", [(3, "Patient.extension[0].valueInteger")]),
        ("answers('a')", [("one", "Patient.item[0].answer[0].valueString"),
                          ("three", "Patient.item[1].item[0].answer[0].valueString")]),
        ("answers('b')", [(2, "Patient.item[0].answer[0].item[0].answer[0].valueInteger")]),
        ("$this.where(birthDate>='2024-05-20').active", [(True, "Patient.active")]),
        ("$this.where(birthDate>='2024-06-01').active", []),
        ("$this.where(active>='2024-06-01').active", []),
        ("Bundle.entry.ofType(Patient).active", [(True, "Bundle.entry[0].active")]),
        ("Bundle.entry.ofType(Group)", []),
        ("active.nothing.below.a.boolean", []),
        ("$this.repeat(link).at", [(1, "Patient.link[0].at"), (2, "Patient.link[0].link[0].at")]),
        ("%unknown.family", []),
    ],
)  # fmt: skip
def test_an_expression_finds_values_and_where_they_stand(expression: str, found: Any) -> None:
    assert find(expression) == found


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        ("name.where(use='old'", "lacks a `)`"),
        ("name.whereabouts()", "has no function `whereabouts`"),
        ("name.", "ends too early"),
        ("name family", "goes on with `family`"),
        ("name & family", "has no meaning from `& family` on"),
    ],
)
def test_a_wrong_expression_is_refused_in_words(expression: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as refused:
        compile_path(expression)
    assert wrong in str(refused.value)
