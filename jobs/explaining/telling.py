"""A replayed prediction in words and tables, for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import tzinfo
from itertools import zip_longest
from typing import Final

import numpy as np
from rich.table import Table

from conf.clinical import HORIZONS_H
from conf.times import from_us
from jobs.explaining.case import Case, Told, Values, instant_us
from jobs.explaining.replaying import Cause, Replay, changed, stored_risks
from jobs.streaming.predictions import RISK_DECIMALS

INPUTS_A_ROW: Final = 3
SINCE: Final = {
    Cause.KNOWN_THEN: "Made again from what had come when it was made, it is the same.",
    Cause.FEWER_READINGS: (
        "It is the same with only the newest of the readings that are stored, as many as it says it had: the stream "
        "did not know the others. It had begun with a new checkpoint, or they had no room in its state."
    ),
    Cause.KNOWN_NOW: (
        "It is the same with all that is stored now, though the places in the topic say that some of it came later: "
        "the topic was created anew, or the readings were sent again."
    ),
    Cause.NONE: (
        "It cannot be made again. What may differ and cannot be seen any more: readings that are deleted; one that was "
        "corrected and then taken back, of which the first value is not kept; another version of the program."
    ),
}


def title(case: Case) -> str:
    """Return whose prediction it is, of when, and who made it."""
    made = _clock(instant_us(case.prediction["scored_at"]), case.zone)
    return (
        f"Patient {case.prediction['patient_id']}, prediction at {_clock(case.newest_us, case.zone)} "
        f"({case.time_zone}), made {made} by version {case.prediction['model_version']}"
    )


def readings_table(case: Case, replay: Replay) -> Table:
    """Return the readings of the window, oldest first, each with what has become of it since."""
    table = Table("time", "systolic", "diastolic", "heart rate", "hours before", "since then", title="Window")
    windows = replay.candidate.windows
    told = {one.at_us: one for one in case.told}
    for place in np.flatnonzero(windows.filled[0]).tolist():
        at_us = int(windows.effective_us[0, place])
        values = [float(measure[0, place]) for measure in (windows.systolic, windows.diastolic, windows.heart_rate)]
        hours = (case.newest_us - at_us) / 3.6e9
        table.add_row(_clock(at_us, case.zone), *map(_number, values), f"{hours:.2f}", _since(told[at_us]))
    return table


def inputs_table(replay: Replay) -> Table:
    """Return what the boosters saw, by name."""
    table = Table(*["input", "value"] * INPUTS_A_ROW, title="Inputs")
    items = [(name, _number(value)) for name, value in replay.inputs.items()]
    rows = -(-len(items) // INPUTS_A_ROW)
    columns = [items[start : start + rows] for start in range(0, len(items), rows)]
    for row in zip_longest(*columns, fillvalue=("", "")):
        table.add_row(*(text for pair in row for text in pair))
    return table


def risks_table(case: Case, replay: Replay) -> Table:
    """Return the risks of each horizon as stored and as made again, with the steps between."""
    table = Table("horizon", "stored", "made again", "before calibration", "calibrated", "with what is stored now")
    now = replay.now or [np.nan] * len(HORIZONS_H)
    columns = (stored_risks(case).tolist(), replay.risks, replay.raw, replay.calibrated, now)
    for horizon_h, *values in zip(HORIZONS_H, *columns, strict=True):
        table.add_row(f"{horizon_h} h", *("-" if np.isnan(value) else f"{value:.{RISK_DECIMALS}f}" for value in values))
    return table


def reasons_table(replay: Replay) -> Table:
    """Return what raises the 6 h risk most: code, log odds, and the number that it is about."""
    table = Table("reason", "log odds", "value", title="Reasons, 6 h")
    for reason in replay.reasons:
        table.add_row(reason.code, f"{reason.contribution:+.3f}", _number(reason.value))
    return table


def verdict(case: Case, replay: Replay, version: str) -> Iterator[str]:
    """Yield sentences: whether the prediction can be made again, from what, and what has changed since."""
    made_by = case.prediction["model_version"]
    if version != made_by:
        yield (
            f"The version that made it, {made_by}, is not in BP_MODEL_DIR or is damaged. It was made again by "
            f"{version}, which is in service: its risks are others."
        )
        if replay.cause is Cause.NONE:
            return
    yield SINCE[replay.cause]
    if replay.clock_h:
        yield (
            f"The hour of the day had to be moved by {replay.clock_h:+g} h: when it was made, BP_TIME_ZONE was another "
            f"than {case.time_zone}."
        )
    held, told = len(case.prediction.get("reasons") or ()), case.prediction["window_readings"]
    found = int(replay.candidate.windows.filled.sum())
    if found != told:
        yield f"It had {told} readings in its window, {found} are stored that it can have known."
    if held and [reason.code for reason in replay.reasons] != [one["code"] for one in case.prediction["reasons"]]:
        yield "The stored reasons are others: " + ", ".join(one["code"] for one in case.prediction["reasons"]) + "."
    yield from _changes(case, replay)


def _changes(case: Case, replay: Replay) -> Iterator[str]:
    """Yield what has changed in the window since the prediction."""
    windows = replay.candidate.windows
    first_us = int(windows.effective_us[0][windows.filled[0]][0])
    moved = changed(case, first_us)
    if moved:
        yield "Since it was made: " + "; ".join(f"{_clock(one.at_us, case.zone)} {_since(one)}" for one in moved) + "."


def _since(one: Told) -> str:
    if one.then == one.now:
        return ""
    if one.now is None:
        return "taken back"
    return f"{_pressure(one.now)} came later" if one.then is None else f"changed to {_pressure(one.now)}"


def _pressure(values: Values) -> str:
    rate = "" if values.heart_rate is None else f" ({_number(values.heart_rate)}/min)"
    return rate.strip() if values.systolic is None else f"{_number(values.systolic)}/{_number(values.diastolic)}{rate}"


def _number(value: float | None) -> str:
    return "-" if value is None or np.isnan(value) else f"{value:.4g}"


def _clock(at_us: int, zone: tzinfo) -> str:
    return f"{from_us(at_us).astimezone(zone):%Y-%m-%d %H:%M:%S}"


def tables(case: Case, replay: Replay) -> Iterable[Table]:
    """Return everything that is shown, in this order."""
    return (
        readings_table(case, replay),
        inputs_table(replay),
        risks_table(case, replay),
        *([reasons_table(replay)] if replay.reasons else []),
    )
