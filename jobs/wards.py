"""Load the register of wards: ``python -m jobs.wards [FILE] [--check]``.

FILE (or that of `BP_WARD_REGISTER`; ``-`` for standard input) says where each patient lies: columns patient_id, ward,
and if known bed and name. It counts as of when it was last written: who has moved since, by an Encounter, stays there.
Patients whom it does not name lie in no ward any more. Run it whenever the file has changed; nothing else restarts.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from conf import cli
from conf.errors import UserError
from conf.settings import Settings, load_settings
from elastic.client import Search, connect
from elastic.schema import ensure_templates
from elastic.search import wards
from fhir.pseudonyms import patient_pseudonym
from jobs.maintenance.ward_register import Stay, read_register, under_pseudonyms
from jobs.pseudonym import pseudonym_key

STANDARD_INPUT: Final = "-"
TIMEOUT_S: Final = 30.0


class Plan(NamedTuple):
    """What a register makes of the stays: those it tells, patients who lie nowhere any more, and all afterwards."""

    told: list[Stay]
    gone: list[str]
    after: dict[str, Stay]


def plan(known: Mapping[str, Mapping[str, Any]], register: Sequence[Stay], at: datetime) -> Plan:
    """Return what a register of that time makes of the known stays; what was told later stands."""
    newer = {id_: dict(stay) for id_, stay in known.items() if datetime.fromisoformat(stay["told_at"]) > at}
    told = {
        stay["patient_id"]: stay | _encounter_of(known.get(stay["patient_id"], {}), stay) | {"told_at": at.isoformat()}
        for stay in register
        if stay["patient_id"] not in newer
    }
    gone = [id_ for id_ in known if id_ not in told and id_ not in newer]
    return Plan(list(told.values()), gone, told | newer)


def _encounter_of(known: Mapping[str, Any], stay: Stay) -> Stay:
    """Return the Encounter of the known stay, which may end it, where the register tells the same ward."""
    is_same = "encounter" in known and known.get("ward") == stay["ward"]
    return {"encounter": known["encounter"]} if is_same else {}


def read_file(named: str | None, settings: Settings) -> tuple[list[Stay], datetime, str]:
    """Return the register with its time (UTC) and the name of its file; raise `UserError` where there is none."""
    name = named or (str(settings.ward_register) if settings.ward_register else None)
    if name is None:
        raise UserError("No register of wards is named. Give a file, or set BP_WARD_REGISTER.")
    is_input = name == STANDARD_INPUT
    try:
        with nullcontext(sys.stdin) if is_input else Path(name).open(encoding="utf-8", newline="") as file:
            stays = read_register(file, "standard input" if is_input else name)
        at = datetime.now(UTC) if is_input else datetime.fromtimestamp(Path(name).stat().st_mtime, UTC)
    except OSError as error:
        raise UserError(f"{name} cannot be read ({error.strerror}). Check the path, or BP_WARD_REGISTER.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{name} is not UTF-8 text ({error.reason}). Store it as CSV UTF-8.") from error
    key = pseudonym_key(settings)
    return (under_pseudonyms(stays, partial(patient_pseudonym, key=key), name) if key else stays), at, name


def load(search: Search, register: Sequence[Stay], at: datetime) -> Plan:
    """Store what a register changes, and the lists of the wards; raise `UserError` before anything is stored."""
    found = plan(wards.all_stays(search), register, at)
    wards.lists_of(found.after.values())
    wards.keep(search, found.told, found.gone)
    wards.publish(search, found.after.values())
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and load the register; return the exit code."""
    parser = cli.parser("python -m jobs.wards", __doc__)
    parser.add_argument("file", nargs="?", metavar="FILE", help="the register; default: that of BP_WARD_REGISTER")
    parser.add_argument("--check", action="store_true", help="read and check the file only; nothing is stored")
    return cli.run(parser, lambda options: _run(options, load_settings()), arguments)


def _run(options: argparse.Namespace, settings: Settings) -> None:
    register, at, name = read_file(options.file, settings)
    number = len(wards.lists_of(register))
    print(f"{name}: {len(register):,} patients in {number:,} wards, as of {at:%Y-%m-%d %H:%M:%S} UTC")
    if options.check:
        return
    search = Search(connect(settings), TIMEOUT_S)
    ensure_templates(search.client)
    done = load(search, register, at)
    print(f"{len(done.told):,} stays stored, {len(done.gone):,} ended; {len(done.after):,} patients have one now")


if __name__ == "__main__":
    sys.exit(main())
