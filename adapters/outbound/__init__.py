"""Outbound adapters: a stored alert to the formats that receivers read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from adapters.outbound import cloudevents, fhir_r4


class Format(NamedTuple):
    """One format of a delivery."""

    media_type: str
    render: Callable[[bytes], bytes]
    """From the stored alert (a CloudEvent in structured JSON, cut to its view) to what is sent."""


FORMATS: Mapping[str, Format] = {
    "cloudevents": Format(cloudevents.CONTENT_TYPE, bytes),
    "fhir-r4": Format(fhir_r4.CONTENT_TYPE, fhir_r4.render),
}
"""By the name that a delivery carries. A further format is one module and one row."""

__all__ = ["FORMATS", "Format"]
