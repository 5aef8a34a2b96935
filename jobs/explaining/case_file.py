"""A case as a file for a report of a fault: nobody's name in it, no time of it true, and all that a replay needs.

The patient's id goes, and with it whatever leads back to the messages. All times are moved back by the same number of
weeks, drawn at random among those that keep the hour of the day, which the model asks for. The version of the model is
named, its card is there; its boosters are not.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from random import SystemRandom
from typing import Any, Final

import msgspec
import numpy as np

from conf.errors import UserError
from conf.files import beside
from conf.settings import Settings
from conf.times import DAY_US, iso_us
from jobs.explaining.case import Case, instant_us
from ml.features import hours_of_day

FORMAT: Final = 1
CASE: Final = "case.json"
CARD: Final = "card.json"
INPUTS: Final = "inputs.csv"
PATIENT: Final = "patient"  # in the place of the id
LEADING_BACK: Final = ("source_partition", "source_offset")
WEEK_US: Final = 7 * DAY_US
WEEKS: Final = range(10, 520)
SETTINGS: Final = (  # what a prediction depends on; no address, no folder, no secret
    "min_readings",
    "max_age_days",
    "time_zone",
    "patient_key",
    "hold_preliminary",
    "refuse_unknown_status",
    "trigger_seconds",
    "shuffle_partitions",
)
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d.*")


class CaseFile(msgspec.Struct, frozen=True, kw_only=True):
    """The content of ``case.json``."""

    format: int = FORMAT
    case: Case
    settings: dict[str, Any]


def write_case(path: Path, case: Case, inputs: Mapping[str, float], card: bytes, settings: Settings) -> None:
    """Write the file, whole or not at all."""
    chosen = {name: getattr(settings, name) for name in SETTINGS}
    content = msgspec.json.format(msgspec.json.encode(CaseFile(case=disguised(case), settings=chosen)), indent=1)
    table = io.StringIO()
    csv.writer(table).writerows([("input", "value"), *inputs.items()])
    with beside(path) as new, zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as file:
        for name, part in ((CASE, content), (INPUTS, table.getvalue()), (CARD, card)):
            file.writestr(zipfile.ZipInfo(name), part)  # of 1980: the time of writing is nobody's business


def read_case(path: Path) -> Case:
    """Return the case of a file; raise `UserError` where it is none."""
    try:
        with zipfile.ZipFile(path) as file:
            content = msgspec.json.decode(file.read(CASE), type=CaseFile)
    except (OSError, KeyError, zipfile.BadZipFile, msgspec.DecodeError) as error:
        raise UserError(f"{path} is no file that python -m jobs.explain --bundle has written ({error}).") from error
    if content.format != FORMAT:
        raise UserError(f"{path} has format {content.format}, this program reads {FORMAT}: use the version it is from.")
    return content.case


def disguised(case: Case) -> Case:
    """Return the case without the id, its times moved back by some weeks."""
    shift_us = SystemRandom().choice(_shifts_us(case))
    kept = {name: value for name, value in case.prediction.items() if name not in LEADING_BACK}
    moved = {name: _moved(value, shift_us) for name, value in kept.items()}
    told = tuple(msgspec.structs.replace(one, at_us=one.at_us - shift_us) for one in case.told)
    return Case({**moved, "patient_id": PATIENT}, told, case.time_zone)


def _shifts_us(case: Case) -> list[int]:
    """Return the shifts that keep the hour of the day at the newest reading, for some weeks change the clocks."""
    shifts_us = np.array(WEEKS, dtype=np.int64) * WEEK_US
    hours = hours_of_day(case.newest_us - np.append(shifts_us, 0), case.zone)
    chosen: list[int] = shifts_us[hours[:-1] == hours[-1]].tolist()
    return chosen


def _moved(value: Any, shift_us: int) -> Any:
    """Return an instant moved back, and anything else as it is."""
    is_instant = isinstance(value, str) and _INSTANT.fullmatch(value)
    return iso_us(instant_us(value) - shift_us) if is_instant else value
