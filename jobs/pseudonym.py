"""The pseudonym of a known patient: ``python -m jobs.pseudonym [ID]...``.

For who holds `BP_PSEUDONYM_KEY` and wants to find a patient on the site. The id is meant as it would be stored without
the key: ``123`` for ``Patient/123``. Without an argument, ids are read from standard input, one a line, so that none
stays in the history of the shell.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

from conf import cli
from conf.errors import UserError
from conf.settings import Settings, load_settings
from fhir.pseudonyms import patient_pseudonym

MIN_KEY_BYTES: Final = 32


def pseudonym_key(settings: Settings) -> bytes | None:
    """Return the key of the settings, None without one; raise `UserError` if it could be guessed."""
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
    parser = cli.parser("python -m jobs.pseudonym", __doc__)
    parser.add_argument("ids", nargs="*", metavar="ID", help="a patient's id; from standard input if there is none")
    return cli.run(parser, lambda options: _print(options.ids), arguments)


def _print(ids: Sequence[str]) -> None:
    key = pseudonym_key(load_settings())
    if key is None:
        raise UserError("BP_PSEUDONYM_KEY is not set, so patients are stored under their own ids. Set it to the key.")
    for patient_id in ids or filter(None, (line.strip() for line in sys.stdin)):
        print(patient_pseudonym(patient_id, key))


if __name__ == "__main__":
    sys.exit(main())
