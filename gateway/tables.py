"""Loads the code tables: those that are shipped, and a deployment's own in their place."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from schemas.codes import CodeTables, Fault, TableFault, parse_tables


def load_tables(folder: Path | None = None) -> CodeTables:
    """Read the shipped code tables; a CSV of the same name in `folder` replaces a shipped one.

    So a deployment puts the cut-offs that it has under licence in place of ours.

    Raises:
        TableFault: a table is wrong, or `folder` is none; every fault with file, row and column.
    """
    shipped = [file for file in files("schemas.codes").iterdir() if file.name.endswith(".csv")]
    texts = {file.name: file.read_text(encoding="utf-8") for file in shipped}
    if folder is not None:
        texts |= _own(folder)
    return parse_tables(texts)


def _own(folder: Path) -> dict[str, str]:
    if not folder.is_dir():
        raise TableFault((Fault(str(folder), "is not a folder; give one that holds code tables"),))
    texts, faults = {}, []
    for path in sorted(folder.glob("*.csv")):
        try:
            texts[path.name] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            faults.append(Fault(path.name, "is not UTF-8; save it as `CSV UTF-8`"))
    if faults:
        raise TableFault(tuple(faults))
    return texts
