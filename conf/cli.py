"""The command line that all tools share: options, ``--verbose``, errors in one line, exit codes.

A tool makes its parser with `parser`, adds its options, and ends with ``sys.exit(run(parser, work))``. Standard library
only, because the preparation runs before the environment exists.
"""

from __future__ import annotations

import argparse
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Final

from conf.errors import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_OK, UserError
from conf.times import DAY_US, HOUR_US, MINUTE_US, SECOND_US

UNITS_US: Final = {"s": SECOND_US, "m": MINUTE_US, "h": HOUR_US, "d": DAY_US}


def parser(command: str, description: str | None) -> argparse.ArgumentParser:
    """Return a parser that shows `description` (a module's docstring, lines as written) and knows ``--verbose``."""
    made = argparse.ArgumentParser(
        prog=command, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--verbose", action="store_true", help="show the trace of an error")
    return made


def duration_us(text: str) -> int:
    """Return the microseconds of a duration such as ``90s``, ``15m``, ``24h`` or ``2d``; a type for options."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"'{text}' is not a duration like 90s, 15m, 24h or 2d")
    return int(float(match[1]) * UNITS_US[match[2]])


def run(
    options_of: argparse.ArgumentParser,
    work: Callable[[argparse.Namespace], None],
    arguments: Sequence[str] | None = None,
) -> int:
    """Parse `arguments` (those of the process unless given), do the work and return the exit code.

    A `UserError` becomes one line on standard error; so does any other error, with its kind. The trace is shown only
    with ``--verbose``.
    """
    options = options_of.parse_args(arguments)
    try:
        work(options)
    except UserError as error:
        return _report(str(error), options.verbose)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except Exception as error:
        hint = "" if options.verbose else " Run with --verbose for the trace."
        return _report(f"Unexpected error: {type(error).__name__}: {_told(error)}.{hint}", options.verbose)
    return EXIT_OK


def _told(error: Exception) -> str:
    """Return the first line of an error; of one that came from Java, whose first line names the call, the second."""
    first, *more = str(error).strip().splitlines() or ["no message"]
    return (more[0].removeprefix(": ") if more and more[0].startswith(": ") else first).rstrip(".")


def _report(message: str, verbose: bool) -> int:
    if verbose:
        traceback.print_exc()
    print(f"error: {message}", file=sys.stderr)
    return EXIT_FAILURE
