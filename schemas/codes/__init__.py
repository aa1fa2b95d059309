"""The code tables: code systems, ASQ-3 cut-offs and maps. README.md names the source of each."""

from schemas.codes.parse import SNOMED, TABLES, TableFault, parse_tables
from schemas.codes.rows import Fault
from schemas.codes.tables import Age, Asq3Code, Asq3Form, AsqSeForm, CodeTables, SenType

__all__ = [
    "SNOMED",
    "TABLES",
    "Age",
    "Asq3Code",
    "Asq3Form",
    "AsqSeForm",
    "CodeTables",
    "Fault",
    "SenType",
    "TableFault",
    "parse_tables",
]
