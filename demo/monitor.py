"""The monitor job beside the stream, now and then, so that the site can tell what came of the predictions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from demo.figures import Figures
from demo.processes import Child

AGAIN_AFTER_S: Final = 3600.0
DAYS: Final = 1  # today and the day before: all that a first start has


@dataclass
class Monitor:
    """When the job runs: first once the past has gone by and the stream has read it, then every hour.

    `start` starts the job; it takes one core and a JVM for about a minute, and a run that fails is no reason to end
    the demo.
    """

    start: Callable[[], Child]
    due_s: float
    child: Child | None = None
    failed: Child | None = None

    def step(self, figures: Figures, elapsed_s: float) -> None:
        """Look after the job; `elapsed_s` is the time since the demo shows figures."""
        if self.child is not None:
            code = self.child.process.poll()
            if code is not None:
                self.failed = self.child if code else None
                self.child = None
        elif elapsed_s >= self.due_s and figures.predictions and _has_read(figures):
            self.due_s = elapsed_s + AGAIN_AFTER_S
            self.child = self.start()

    @property
    def trouble(self) -> str | None:
        """Return what to tell when the last run failed."""
        return f"The monitor failed, the next run is in an hour (log: {self.failed.log})." if self.failed else None


def _has_read(figures: Figures) -> bool:
    """Tell whether the stream has read the past: of no patient more than one message waits."""
    return figures.lag is not None and figures.lag <= figures.patients
