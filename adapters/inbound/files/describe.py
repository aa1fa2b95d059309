"""Writes docs/tables.md from the templates: `python -m adapters.inbound.files.describe`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from adapters.inbound.files.cells import MOST_CELLS, MOST_ROWS
from adapters.inbound.files.templates import NOT_WANTED, Template, templates

_INTRODUCTION = f"""\
# Tables: CSV and XLSX
Written by `python -m adapters.inbound.files.describe` from the tables that the gateway reads by. \
Download a template (`GET /files/templates/` with `sen-support-notice.csv`, `.xlsx` and so on), fill in a \
row for each child, check the file, send it:

    gateway check-file FILE --source urn:199901
    gateway send FILE

`--source` names your school, trust or council to the check; whoever sends is known by the key. Both \
print what [became of each row](school-files.md#what-becomes-of-a-pupil); \
[over HTTP](school-files.md#over-http) the answer is the same.

- CSV with comma, semicolon or tab, in UTF-8, UTF-16 or what Excel writes (Windows-1252); or the \
first visible sheet of an .xlsx workbook. At most {MOST_ROWS:,} rows and {MOST_CELLS:,} cells, and 10,000 \
records, in one file.
- The first row is the header. Order, case and blanks of its columns do not matter; a column that is \
not needed may be missing. One that no template knows is a fault of the whole file, so that a slip \
of the pen loses nothing. Left out without a fault: {", ".join(sorted(NOT_WANTED))}.
- Dates: 2020-09-30, or day first 30/09/2020; in .xlsx date cells too. A long number may have lost \
its digits in Excel (`1.23457E+11`): format the column as text, as the .xlsx template does.
- Each row is taken or refused by itself; a refused row tells every fault with row, column and what \
would be right. Empty rows are skipped. Where a cell needs another beside it, the \
column of that one is named. A row that you send again unchanged is the same message: \
nobody is told twice. A changed row with the same key replaces the earlier one; of a SEN notice what \
you leave empty stands as it was, needs apart; of the others only a restriction, a refusal and care in \
contact do. The key is your reference; of SEN notices UPN, start date and provision.
- Several rows of one pupil's SEN provision are its history: the one that \
[stands](school-files.md#what-stands) is told, the others are not. Of those only the word that the \
whereabouts are restricted counts, unless the one that stands says no.
- Whole samples: [examples/files](../examples/files). What the table does not hold is stated \
with the file: what is true of every child for all, what one family said for that child alone.
- Formulas count by the value that was saved with them. Links are not followed, macros not run.
- Suspected harm never goes by a table. Telephone the front door.
"""

_SYSTEMS = """\
## Students of Arbor, Assembly and Wonde
Send the JSON as the system's interface gave it: a page, a list of students or one. Each student with \
a SEN provision that stands becomes one notice; of a student without, nothing is kept. Meals, \
ethnicity, care, contacts and notes are not read. When the parents were told is stated with the file.

| | Arbor | Assembly | Wonde |
|---|---|---|---|
| known by | `senStatusAssignments`, `d00229`, `d00237` | `sen_category`, `sen_needs` | `extended_details`, \
`upi` and `mis_id` |
| provision | of `senStatus` the DfE's item `d00229`, else `exportCode`, else the school's own `code` | \
`sen_category_history`, else `sen_category` | `sen_status`, a letter or a label |
| start | `startDate` | `start_date` | none: the day on which it is first sent stands in, marked \
`startIs: first-seen` |
| needs | of `senNeedType` `d00237`, else an export code, else `code`; `ranking` | `sen_need_type_code`; \
`priority` | none |
| ask for | `senStatusAssignments`, `senNeeds`, `upn`, `nhsNumber` | `sen_needs=true` | \
`include=education_details,extended_details` |

Which provision stands, what is waited for and what is a fault is \
[the same for every format](school-files.md#what-stands). Where no start is known, the record is the \
student: it begins anew when the provision changes, also back to an earlier one. The student's own \
number in the system names it, so let that stay.
"""


def describe() -> str:
    """Return docs/tables.md."""
    tables = ("\n".join(_table(one)) + "\n" for one in templates().values())
    return "\n".join([_INTRODUCTION, *tables, _SYSTEMS])


def _table(template: Template) -> Iterator[str]:
    yield f"## {template.title}: `{template.name}`"
    yield "| column | needed | example | what it is | property | also known as |"
    yield "|---|---|---|---|---|---|"
    for one in template.columns:
        needed = "yes" if one.must else ""
        paths = ", ".join(f"`{path}`" for path in one.paths)
        also = ", ".join(one.also)
        yield f"| {one.header} | {needed} | {one.example} | {one.explanation} | {paths} | {also} |"


if __name__ == "__main__":
    sys.stdout.write(describe())
