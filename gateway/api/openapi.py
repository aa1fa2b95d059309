"""What OpenAPI says beside the code: the bodies with an example per kind, and the answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from adapters.outbound.fhir_xml import to_xml
from gateway.examples import FHIR, MESSAGES
from schemas.message import KINDS

EXAMPLE_FILES = {
    "healthy-child-review": "review",
    "speech-therapy-report": "report",
    "sen-support-notice": "notice",
    "referral": "referral",
}


def add_examples() -> None:
    """Put the samples into the bodies, once the description is asked for: to write XML takes long."""
    content = MESSAGE_BODY["requestBody"]["content"]
    content["application/json"]["examples"] = _examples(MESSAGES)
    content["application/fhir+json"]["examples"] = _examples(FHIR / "r4")
    content["application/fhir+xml"]["examples"] = _examples(FHIR / "r4", xml=True)


def _examples(folder: Path, *, xml: bool = False) -> dict[str, Any]:
    values = {
        kind: orjson.loads((folder / f"{name}.json").read_bytes())
        for kind, name in EXAMPLE_FILES.items()
    }
    return {
        kind: {"summary": kind, "value": to_xml(value).decode() if xml else value}
        for kind, value in values.items()
    }


MESSAGE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"oneOf": [{"$ref": f"/schemas/{kind}"} for kind in KINDS]}
            },
            "application/fhir+json": {
                "schema": {"type": "object", "description": "A Bundle of type message"}
            },
            "application/fhir+xml": {
                "schema": {"type": "string", "description": "The same Bundle as XML"}
            },
        },
    }
}

PROCESS_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            media_type: content
            for media_type, content in MESSAGE_BODY["requestBody"]["content"].items()
            if "fhir" in media_type
        },
    }
}

_FILE = {"type": "string", "format": "binary"}

FILE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            **{
                media_type: {"schema": _FILE}
                for media_type in (
                    "application/xml",
                    "text/xml",
                    "text/csv",
                    "text/tab-separated-values",
                    "application/vnd.ms-excel",
                    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                    "application/json",
                    "application/octet-stream",
                )
            },
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": _FILE,
                        "statement": {
                            "type": "object",
                            "description": "What the file does not hold: `source`, and for every "
                            "record `professional`, `sharing`, `notice`; for single ones "
                            "`byRecord` by UPN. What the file says stands over it.",
                            "example": {
                                "professional": {"name": "Ruth Okafor", "role": "SENCO"},
                                "notice": {"parentsTold": {"on": "2026-09-15"}},
                                "byRecord": {
                                    "U896200026000": {
                                        "notice": {"parentsTold": {"on": "2026-09-18"}}
                                    }
                                },
                            },
                        },
                    },
                }
            },
        },
    }
}
"""The body of `POST /files`: what the file is, its content says."""

_PROBLEM: dict[str, Any] = {
    "application/problem+json": {
        "schema": {
            "type": "object",
            "properties": {
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "detail": {"type": "string"},
                "code": {"type": "string"},
                "errors": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "pointer": {"type": "string"},
                            "detail": {"type": "string"},
                            "code": {"type": "string"},
                        },
                    },
                },
            },
        }
    },
    "application/fhir+json": {
        "schema": {"type": "object", "description": "An OperationOutcome, for FHIR callers"}
    },
    "application/fhir+xml": {
        "schema": {"type": "string", "description": "The same, for callers who send or accept XML"}
    },
}

RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The same message again, or what was asked for"},
    400: {"description": "Not JSON or XML: line and column", "content": _PROBLEM},
    401: {"description": "No key, or an unknown one", "content": _PROBLEM},
    403: {"description": "Known, and not allowed", "content": _PROBLEM},
    404: {"description": "No message of yours", "content": _PROBLEM},
    409: {"description": "The id was used for other content", "content": _PROBLEM},
    413: {"description": "Too large", "content": _PROBLEM},
    415: {"description": "A media type that is not taken", "content": _PROBLEM},
    422: {"description": "Not understood: every fault at once", "content": _PROBLEM},
    503: {
        "description": "The journal cannot be written: nothing was accepted",
        "content": _PROBLEM,
    },
}


def _fhir(description: str, resource: str) -> dict[str, Any]:
    schema = {"type": "object", "description": resource}
    return {"description": description, "content": {"application/fhir+json": {"schema": schema}}}


PROCESS_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: _fhir("On disk, or sent before", "A Bundle of type message with MessageHeader.response"),
    **{
        status: _fhir(answer["description"], "An OperationOutcome")
        for status, answer in RESPONSES.items()
        if status not in (200, 404)
    },
}

METADATA_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: _fhir("What is taken", "A CapabilityStatement")
}

_LINES = {"type": "string", "description": "A message a line, in JSON or as a FHIR Bundle in JSON"}
_ANSWER: dict[str, Any] = {
    "type": "object",
    "description": "A line of this answers each line that is not empty",
    "required": ["line", "status"],
    "properties": {
        "line": {"type": "integer"},
        "status": {"type": "integer"},
        "location": {"type": "string"},
        "receipt": {"$ref": "#/components/schemas/Receipt"},
        "problem": _PROBLEM["application/problem+json"]["schema"],
    },
}
BATCH_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/x-ndjson": {"schema": _LINES}}}
}
BATCH_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "An answer a line, in the order of the lines",
        "content": {"application/x-ndjson": {"schema": _ANSWER}},
    },
    **{status: RESPONSES[status] for status in (401, 415, 503)},
}
