"""What is taken out of the CSV archive again: days past retention, and all lines of one patient."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from jobs.maintenance.retention import is_past_day
from jobs.streaming.archive import ASIDE, COLUMNS, DAY_PREFIX, FOLDER, write_table

_PARSING: Final = csv.ParseOptions(newlines_in_values=True)
_AS_TEXT: Final = csv.ConvertOptions(
    column_types=dict.fromkeys(COLUMNS, pa.string()),
    null_values=[""],
    strings_can_be_null=True,
    quoted_strings_can_be_null=False,
)


def past_days(data_dir: Path, data_from: datetime) -> list[Path]:
    """Return the folders of days that lie before `data_from`, also of archives that were set aside."""
    days = _paths(data_dir, f"{DAY_PREFIX}*")
    return [day for day in days if is_past_day(day.name.removeprefix(DAY_PREFIX), data_from)]


def size_bytes(folder: Path) -> int:
    """Add up what the files of a day take."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())


def remove_day(folder: Path) -> None:
    """Delete the folder of a day; no harm if it is gone."""
    shutil.rmtree(folder, ignore_errors=True)


def files_of(data_dir: Path, patient_id: str) -> Iterator[tuple[Path, int]]:
    """Yield the archive's files in which a patient has lines, with how many."""
    for path in _paths(data_dir, f"{DAY_PREFIX}*/*.csv"):
        lines = _read(path)
        others = lines.filter(pc.not_equal(lines["patient_id"], patient_id))
        if len(others) < len(lines):
            yield path, len(lines) - len(others)


def remove_lines(path: Path, patient_id: str) -> None:
    """Write a file of the archive anew without a patient's lines, whole or not at all; without any, it goes."""
    lines = _read(path)
    others = lines.filter(pc.not_equal(lines["patient_id"], patient_id))
    if len(others) == 0:
        path.unlink()
        return
    write_table(path, others)


def _paths(data_dir: Path, pattern: str) -> list[Path]:
    """Return what fits the pattern in the archive and in those that were set aside, oldest names first."""
    archives = [data_dir / FOLDER, *data_dir.glob(f"{ASIDE}*")]
    return sorted(path for archive in archives for path in archive.glob(pattern))


def _read(path: Path) -> pa.Table:
    return csv.read_csv(path, parse_options=_PARSING, convert_options=_AS_TEXT)
