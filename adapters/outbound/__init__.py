"""Outbound adapters: a stored alert to the formats that receivers read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import NamedTuple

Render = Callable[[bytes], bytes]
"""From the stored alert (a CloudEvent in structured JSON, cut to its view) to what is sent."""


class Format(NamedTuple):
    """One format of a delivery."""

    media_type: str
    render: Render


def _in(module: str, name: str = "render") -> Render:
    """Return a renderer whose module is imported with the first alert: most go out as they are stored."""

    def render(body: bytes) -> bytes:
        found: Render = getattr(import_module(f"adapters.outbound.{module}"), name)
        return found(body)

    return render


FORMATS: Mapping[str, Format] = {
    "cloudevents": Format("application/cloudevents+json", bytes),
    "fhir-r4": Format("application/fhir+json; fhirVersion=4.0", _in("fhir_r4")),
    "fhir-r4+xml": Format("application/fhir+xml; fhirVersion=4.0", _in("fhir_r4", "render_xml")),
    "fhir-stu3": Format("application/fhir+json; fhirVersion=3.0", _in("fhir_stu3")),
    "fhir-stu3+xml": Format(
        "application/fhir+xml; fhirVersion=3.0", _in("fhir_stu3", "render_xml")
    ),
    "mns-signal": Format("application/fhir+json", _in("mns_signal")),
    "referral-form": Format("application/json", _in("referral_form")),
    "referral-form+html": Format("text/html; charset=utf-8", _in("referral_page")),
    "eclipse": Format("application/json", _in("eclipse")),
}
"""By the name that a delivery carries. A further format is one module and one row."""

__all__ = ["FORMATS", "Format"]
