"""Errors that are shown to people: one line that says what happened, why, and what to do.

Every entry point runs its work through `run_main`, so that a trace appears only with ``--verbose``.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable

EXIT_OK = 0
EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


class UserError(Exception):
    """Something the user can mend; its text is a complete sentence with the remedy."""


def run_main(main: Callable[[], None], *, verbose: bool = False) -> int:
    """Run `main` and turn its outcome into an exit code; a `UserError` becomes one line on standard error."""
    try:
        main()
    except UserError as error:
        return _report(str(error), verbose)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except Exception as error:
        hint = "" if verbose else " Run with --verbose for the trace."
        return _report(f"Unexpected error: {type(error).__name__}: {_first_line(error)}.{hint}", verbose)
    return EXIT_OK


def _report(message: str, verbose: bool) -> int:
    if verbose:
        traceback.print_exc()
    print(f"error: {message}", file=sys.stderr)
    return EXIT_FAILURE


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0]
