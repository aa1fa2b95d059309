"""Common Transfer Files of synthetic pupils: `a_ctf(a_pupil(1, sen=[("2026-09-07", "K")]))`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from xml.sax.saxutils import escape

from stdnum.gb import upn as upns

SCHOOL_HEADER = {
    "DocumentName": "Common Transfer File",
    "CTFversion": "25.0",
    "DateTime": "2026-11-20T10:00:00",
    "DocumentQualifier": "partial",
    "SupplierID": "Example MIS",
    "SourceSchool": {"LEA": "896", "Estab": "9901", "SchoolName": "SANDSTONE EXAMPLE PRIMARY"},
    "DestSchool": {"LEA": "896", "Estab": "LLLL"},
}


def a_upn(number: int) -> str:
    """A permanent UPN with the right check letter."""
    rest = f"8962000{number:05d}"
    return upns.calc_check_digit(rest) + rest


def a_pupil(
    number: int = 1,
    sen: Iterable[tuple[str, str]] = (),
    needs: Iterable[Mapping[str, str]] = (),
    **changes: Any,
) -> dict[str, Any]:
    """A pupil of Sandstone; an element given as None is left out."""
    history = {
        "SEN": [{"StartDate": start, "SENprovision": code} for start, code in sen],
        "SENneeds": {"SENneed": list(needs)},
    }
    pupil = {
        "UPN": a_upn(number),
        "Surname": f"EATON{number}",
        "Forename": "FINN",
        "DOB": "2020-09-30",
        "Sex": "M",
        "FSMhistory": {"FSMinstance": {"FSMstartDate": "2024-09-01"}},
        "SENhistory": history if sen or needs else None,
        "Address": {
            "BS7666Address": {"PAON": "1", "Street": "Example Row", "Town": "Chester"},
            "PostCode": "CH2 0ZZ",
        },
        "Contacts": {"Contact": {"Surname": "EATON", "Forename": "SAM"}},
        **changes,
    }
    return {name: value for name, value in pupil.items() if value is not None}


def a_need(kind: str, rank: int | str = 1, **more: str) -> dict[str, str]:
    """A need as a CTF writes it."""
    return {"SENtypeRank": str(rank), "SENtype": kind, **more}


def a_ctf(*pupils: Mapping[str, Any], root: str = "CTfile", **header: Any) -> bytes:
    """A file in UTF-8; a property of the header given as None is left out."""
    head = {n: v for n, v in {**SCHOOL_HEADER, **header}.items() if v is not None}
    tree = {"Header": head, f"{root[:-4].upper()}FpupilData": {"Pupil": list(pupils)}}
    return f'<?xml version="1.0" encoding="utf-8"?>\n{xml(root, tree)}\n'.encode()


def xml(name: str, content: Any) -> str:
    """Write an element: an object is its children, a list several of them."""
    if isinstance(content, list):
        return "".join(xml(name, one) for one in content)
    inner = (
        "".join(xml(child, value) for child, value in content.items())
        if isinstance(content, Mapping)
        else escape(str(content))
    )
    return f"<{name}>{inner}</{name}>"
