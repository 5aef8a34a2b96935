"""Output of the demo: steps with progress while it starts, then the figures."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from rich.console import Console
from rich.live import Live

from demo.figures import Figures, Rates
from demo.summary import live_page, plain_line

PLAIN_EVERY_S = 5.0


@contextlib.contextmanager
def step(console: Console, title: str) -> Iterator[Callable[[str], None]]:
    """Announce a step of the start, hand out a function for its progress, and say how long it took."""
    began_s = time.monotonic()
    if console.is_terminal:
        with console.status(f"{title} ...") as status:
            yield lambda progress: status.update(f"{title}: {progress}")
    else:
        console.print(f"{title} ...")
        yield _paced(console)
    console.print(f"{title}: ready in {time.monotonic() - began_s:.0f} s")


def _paced(console: Console) -> Callable[[str], None]:
    """Print progress as lines, but not more often than every `PLAIN_EVERY_S`."""
    last_s = time.monotonic()

    def report(progress: str) -> None:
        nonlocal last_s
        if time.monotonic() - last_s >= PLAIN_EVERY_S:
            last_s = time.monotonic()
            console.print(f"  {progress}")

    return report


def show(console: Console, frames: Iterable[tuple[Figures, float]], places: Mapping[str, str]) -> Iterator[Figures]:
    """Show each frame (figures, seconds since the start) and hand its figures on."""
    rates, next_plain_s = Rates(), 0.0
    with Live(console=console, auto_refresh=False) if console.is_terminal else contextlib.nullcontext() as live:
        for figures, elapsed_s in frames:
            speed = rates.add(elapsed_s, figures)
            if live:
                live.update(live_page(figures, speed, elapsed_s, places), refresh=True)
            elif elapsed_s >= next_plain_s:
                next_plain_s = elapsed_s + PLAIN_EVERY_S
                console.print(plain_line(figures, speed, elapsed_s))
            yield figures
