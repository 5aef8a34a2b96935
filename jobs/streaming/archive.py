"""The CSV archive: every stored observation as a line, partitioned by day of effective time.

Each micro-batch writes its own files (``day=2026-11-24/batch-00000012-0.csv``), whole or not at all. A repeated
micro-batch first removes the files of its number, so that nothing stays twice. A later line of the same patient and
instant (a correction, a joined heart rate) replaces an earlier one: order them by micro-batch and place in the file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pyarrow as pa
from pyarrow import csv

from conf.canary import is_canary
from conf.files import beside
from jobs.streaming.standing import Document

FOLDER: Final = "observations"
DAY_PREFIX: Final = "day="
ASIDE: Final = f"{FOLDER}-until-"  # begins the name of an archive that was set aside
COLUMNS: Final = (
    "@timestamp",
    "utc_offset_minutes",
    "patient_id",
    "systolic",
    "diastolic",
    "heart_rate",
    "mean_arterial_pressure",
    "pulse_pressure",
    "category",
    "observation_id",
    "version_id",
    "status",
    "device_id",
    "flags",
    "source_topic",
    "source_partition",
    "source_offset",
    "ingested_at",
)
FLAG_SEPARATOR: Final = ";"


def write_archive(data_dir: Path, batch_id: int, part: str, documents: Iterable[Document]) -> None:
    """Write the documents of a part of a micro-batch, one file a day; a canary's are nothing to be kept."""
    by_day: dict[str, list[Document]] = defaultdict(list)
    for document in (each for each in documents if not is_canary(each["patient_id"])):
        by_day[document["@timestamp"][:10]].append(document)
    for day, of_day in by_day.items():
        columns = {name: [document.get(name) for document in of_day] for name in COLUMNS}
        columns["flags"] = [FLAG_SEPARATOR.join(document["flags"]) for document in of_day]
        path = data_dir / FOLDER / f"{DAY_PREFIX}{day}" / f"{_batch_name(batch_id)}-{part}.csv"
        write_table(path, pa.table(columns))


def remove_batch(data_dir: Path, batch_id: int) -> None:
    """Remove what an interrupted attempt at this micro-batch has left, unfinished files too."""
    for path in (data_dir / FOLDER).glob(f"{DAY_PREFIX}*/*{_batch_name(batch_id)}-*"):
        path.unlink(missing_ok=True)


def set_aside(data_dir: Path, now_text: str) -> Path | None:
    """Move an archive of an earlier checkpoint away, since its micro-batch numbers start anew; return where to."""
    folder = data_dir / FOLDER
    if not folder.exists() or not any(folder.iterdir()):
        return None
    aside = data_dir / f"{ASIDE}{now_text}"
    folder.rename(aside)
    return aside


def write_table(path: Path, lines: pa.Table) -> None:
    """Write a file of the archive, whole or not at all."""
    with beside(path) as new:
        csv.write_csv(lines, new)


def _batch_name(batch_id: int) -> str:
    return f"batch-{batch_id:08d}"
