"""The OpenAPI document: valid, complete, and with examples that the gateway takes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.openapi.models import OpenAPI
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from schemas.message import KINDS
from tests.integration.serving import FHIR, JSON, XML, Gateway, Partner, serving

Document = dict[str, Any]
SENDS = [("/messages", "post"), ("/messages/check", "post")]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with serving(tmp_path_factory.mktemp("openapi") / "gateway.db") as running:
        yield running


@pytest.fixture(scope="module")
def document(gateway: Gateway) -> Document:
    answer = gateway.stranger.get("/openapi.json")
    assert answer.status_code == 200
    return answer.json()


@pytest.fixture(scope="module")
def partner(gateway: Gateway) -> Partner:
    everybody = [one.key for one in gateway.service.rules.directory.organisations()]
    return gateway.partner("ods:8Z921", KINDS, everybody)


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for name, value in node.items():
            if name not in ("example", "examples"):
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_it_is_an_openapi_document(document: Document) -> None:
    parsed = OpenAPI.model_validate(document)
    assert parsed.openapi.startswith("3.1")
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_reference_leads_somewhere(gateway: Gateway, document: Document) -> None:
    found = set(references(document))
    assert len(found) > 5
    for reference in found:
        if reference.startswith("#/"):
            node = document
            for part in reference[2:].split("/"):
                node = node[part]
        else:
            assert gateway.stranger.get(reference).status_code == 200, reference


def test_it_says_every_answer_of_the_contract(document: Document) -> None:
    for path, method in SENDS:
        answers = set(document["paths"][path][method]["responses"])
        assert answers >= {"200", "400", "401", "403", "409", "413", "415", "422", "503"}
    assert "202" in document["paths"]["/messages"]["post"]["responses"]
    answers = set(document["paths"]["/fhir/$process-message"]["post"]["responses"])
    assert answers == {"200", "400", "401", "403", "409", "413", "415", "422", "503"}
    assert set(document["paths"]["/messages/{id}"]["get"]["responses"]) >= {"200", "401", "404"}
    assert set(document["paths"]) == {
        "/alerts/{id}",
        "/messages",
        "/messages/check",
        "/messages/batch",
        "/messages/{id}",
        "/fhir/$process-message",
        "/fhir/metadata",
        "/files",
        "/files/check",
        "/files/{id}",
        "/files/templates/{name}",
        "/schemas/{name}",
        "/health/live",
        "/health/ready",
        "/metrics",
    }


def test_it_promises_no_answer_that_is_never_given(document: Document) -> None:
    """FastAPI adds its own 422 to each address with a parameter; ours answers 404."""
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_it_says_that_messages_need_a_key(document: Document) -> None:
    schemes = document["components"]["securitySchemes"].values()
    assert [(one["type"], one["scheme"]) for one in schemes] == [("http", "bearer")]
    keyed = [*SENDS, ("/messages/{id}", "get"), ("/fhir/$process-message", "post")]
    keyed.append(("/messages/batch", "post"))
    keyed += [("/files", "post"), ("/files/check", "post"), ("/files/{id}", "get")]
    for path, method in keyed:
        assert document["paths"][path][method]["security"]


@pytest.mark.parametrize("media", [JSON, FHIR, XML])
@pytest.mark.parametrize(("path", "method"), SENDS)
def test_each_kind_has_an_example_that_the_gateway_takes(
    partner: Partner, document: Document, path: str, method: str, media: str
) -> None:
    content = document["paths"][path][method]["requestBody"]["content"]
    examples = content[media]["examples"]
    assert set(examples) == set(KINDS)
    for kind, example in examples.items():
        value = example["value"].encode() if media == XML else example["value"]
        answer = partner.check(value, media=media)
        assert answer.status_code == 200, answer.text
        assert answer.json()["kind"] == kind


def test_each_json_example_validates_against_the_schema_of_its_body(
    gateway: Gateway, document: Document
) -> None:
    def fetched(uri: str) -> Resource[Any]:
        return DRAFT202012.create_resource(gateway.stranger.get(uri).json())

    content = document["paths"]["/messages"]["post"]["requestBody"]["content"][JSON]
    validator = Draft202012Validator(content["schema"], registry=Registry(retrieve=fetched))
    for example in content["examples"].values():
        validator.validate(example["value"])
    assert not validator.is_valid({"kind": "referral"})


def test_a_receipt_is_what_the_document_says(partner: Partner, document: Document) -> None:
    schema = {"$ref": "#/components/schemas/Receipt", "components": document["components"]}
    content = document["paths"]["/messages"]["post"]["requestBody"]["content"][JSON]
    for example in content["examples"].values():
        for answer in (partner.check(example["value"]), partner.post(example["value"])):
            Draft202012Validator(schema).validate(answer.json())


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_its_pages_ask_nobody_but_the_gateway(gateway: Gateway, page: str) -> None:
    """An authority's network may reach no other host, and none shall learn who reads."""
    text = gateway.stranger.get(page).text
    assert "/openapi.json" in text
    asked = re.findall(r"(?:src|href)=\"(.+?)\"", text)
    assert len([one for one in asked if one.endswith(".js")]) == 1
    for one in asked:
        assert one.startswith("/"), one
        assert gateway.stranger.get(one).status_code == 200, one
