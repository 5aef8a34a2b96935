"""The pseudonym of a known patient: ``python -m jobs.pseudonym [ID]...``.

For who holds `BP_PSEUDONYM_KEY` and wants to find a patient on the site. The id is meant as it would be stored without
the key: ``123`` for ``Patient/123``. Without an argument, ids are read from standard input, one a line, so that none
stays in the history of the shell.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from typing import Final

from conf.errors import UserError, run_main
from conf.settings import Settings, load_settings
from fhir.pseudonyms import patient_pseudonym

MIN_KEY_BYTES: Final = 32


def pseudonym_key(settings: Settings) -> bytes | None:
    """The key of the settings, None without one; raises `UserError` if it could be guessed."""
    if settings.pseudonym_key is None:
        return None
    key = settings.pseudonym_key.get_secret_value().encode()
    if len(key) < MIN_KEY_BYTES:
        raise UserError(
            f"BP_PSEUDONYM_KEY must hold at least {MIN_KEY_BYTES} bytes; "
            'make one with: python -c "import secrets; print(secrets.token_urlsafe(48))"'
        )
    return key


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and print a pseudonym for each id; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m jobs.pseudonym", description=__doc__)
    parser.add_argument("ids", nargs="*", metavar="ID", help="a patient's id; from standard input if there is none")
    parser.add_argument("--verbose", action="store_true", help="show traces of errors")
    options = parser.parse_args(arguments)
    return run_main(lambda: _print(options.ids or _from_input(), load_settings()), verbose=options.verbose)


def _from_input() -> Iterable[str]:
    return filter(None, (line.strip() for line in sys.stdin))


def _print(ids: Iterable[str], settings: Settings) -> None:
    key = pseudonym_key(settings)
    if key is None:
        raise UserError("BP_PSEUDONYM_KEY is not set, so patients are stored under their own ids. Set it to the key.")
    for patient_id in ids:
        print(patient_pseudonym(patient_id, key))


if __name__ == "__main__":
    sys.exit(main())
