"""Errors that are shown to people: one line that says what happened, why, and what to do.

Every tool runs its work through `conf.cli.run`, so that a trace appears only with ``--verbose``.
"""

from __future__ import annotations

EXIT_OK = 0
EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


class UserError(Exception):
    """Something the user can mend; its text is a complete sentence with the remedy."""


class OutsideError(Exception):
    """Something outside our code answered or behaved as nobody foresaw; never the fault of what was being worked on."""
