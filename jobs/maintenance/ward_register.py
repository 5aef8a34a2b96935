"""The register of wards: a CSV file that says where each patient lies, read and checked line by line.

Columns are patient_id, ward, and if known bed and name; between them stand commas, or semicolons as in files of French
spreadsheets.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TextIO

from conf.errors import UserError

REQUIRED: Final = ("patient_id", "ward")
COLUMNS: Final = (*REQUIRED, "bed", "name")
LONGEST: Final[Mapping[str, int]] = {"patient_id": 256, "ward": 64, "bed": 64, "name": 128}
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
MOST_FAULTS: Final = 20  # that are told

Stay = dict[str, Any]


class RegisterError(UserError):
    """The register cannot be used; nothing of it has been."""


def read_register(file: TextIO, name: str) -> list[Stay]:
    """Return a stay for each line: what is told of it; raise `RegisterError` with the faults and their lines."""
    header = file.readline().removeprefix("\ufeff").strip()
    delimiter = ";" if ";" in header else ","
    columns = [column.strip() for column in header.split(delimiter)]
    if not set(REQUIRED) <= set(columns) <= set(COLUMNS) or len(set(columns)) < len(columns):
        raise RegisterError(
            f"{name}, line 1: the columns are {header or 'missing'}. Begin with the line: {','.join(COLUMNS)} "
            "(bed and name may be left out)."
        )
    stays: dict[str, Stay] = {}
    faults: list[str] = []
    lines = csv.reader(file, delimiter=delimiter)
    for values in lines:
        told = {column: value.strip() for column, value in zip(columns, values, strict=False) if value.strip()}
        if not told:
            continue
        wrong = list(_faults(told, len(values) - len(columns)))
        if told.get("patient_id") in stays:
            wrong.append(f"{told['patient_id']} is in the file twice")
        faults += [f"line {lines.line_num + 1}: {fault}" for fault in wrong]
        stays[told.get("patient_id", "")] = told
    if faults:
        more = [f"and {len(faults) - MOST_FAULTS} more"] * (len(faults) > MOST_FAULTS)
        raise RegisterError(f"{name} cannot be used: {'; '.join([*faults[:MOST_FAULTS], *more])}. Mend these lines.")
    if not stays:
        raise RegisterError(f"{name} names no patient, which would shut everybody out. Is it the whole file?")
    return list(stays.values())


def _faults(told: Stay, extra: int) -> Iterator[str]:
    """Yield what is wrong with the values of a line, which has so many more of them than columns."""
    if extra > 0:
        yield "there are more values than columns (put a value with the separator in it between quotation marks)"
    for column in REQUIRED:
        if column not in told:
            yield f"{column} is missing"
    for column, value in told.items():
        if len(value) > LONGEST[column]:
            yield f"{column} has more than {LONGEST[column]} characters"
        if CONTROL.search(value) or (column == "ward" and "," in value):
            yield f"{column} has a character that it must not have"


def under_pseudonyms(stays: list[Stay], pseudonym: Callable[[str], str], name: str) -> list[Stay]:
    """Return stays under the ids that everything is stored under; raise `RegisterError` where names would undo that."""
    if any("name" in stay for stay in stays):
        raise RegisterError(
            f"{name} has names, and with BP_PSEUDONYM_KEY patients are stored under pseudonyms. "
            "Leave out the column name."
        )
    return [{**stay, "patient_id": pseudonym(stay["patient_id"])} for stay in stays]
