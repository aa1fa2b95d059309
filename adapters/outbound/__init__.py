"""Outbound adapters: a stored alert to the formats that receivers read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from adapters.outbound import (
    cloudevents,
    eclipse,
    fhir_r4,
    fhir_stu3,
    mns_signal,
    referral_form,
    referral_page,
)


class Format(NamedTuple):
    """One format of a delivery."""

    media_type: str
    render: Callable[[bytes], bytes]
    """From the stored alert (a CloudEvent in structured JSON, cut to its view) to what is sent."""


FORMATS: Mapping[str, Format] = {
    "cloudevents": Format(cloudevents.CONTENT_TYPE, bytes),
    "fhir-r4": Format("application/fhir+json; fhirVersion=4.0", fhir_r4.render),
    "fhir-r4+xml": Format("application/fhir+xml; fhirVersion=4.0", fhir_r4.render_xml),
    "fhir-stu3": Format("application/fhir+json; fhirVersion=3.0", fhir_stu3.render),
    "fhir-stu3+xml": Format("application/fhir+xml; fhirVersion=3.0", fhir_stu3.render_xml),
    "mns-signal": Format("application/fhir+json", mns_signal.render),
    "referral-form": Format("application/json", referral_form.render),
    "referral-form+html": Format("text/html; charset=utf-8", referral_page.render),
    "eclipse": Format("application/json", eclipse.render),
}
"""By the name that a delivery carries. A further format is one module and one row."""

__all__ = ["FORMATS", "Format"]
