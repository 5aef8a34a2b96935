"""The guarantee that what our own code cannot take costs the message, or the patient, that it comes from, and no other.

Work is done on many at once. Only when it raises is it done again on each half, down to the one that raises alone: that
one is given up, the others go through. So nothing is paid while nothing raises, and each step, those to come too, is
guarded by one rule. It asks of the work that it may be repeated, in parts, with the same end: so may all the work of a
micro-batch. What goes wrong outside our code, in Elasticsearch or on a disk, is no message's fault and raised as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol, TypeVar

from elasticsearch import ApiError, TransportError

from conf.errors import OutsideError, UserError

OUTSIDE: Final = (UserError, OutsideError, ApiError, TransportError, OSError, MemoryError)

T = TypeVar("T")


class Divisible(Protocol):
    """A list of messages, or an Arrow batch of patients."""

    def __len__(self) -> int: ...
    def __getitem__(self, part: slice, /) -> Any: ...


D = TypeVar("D", bound=Divisible)


def spare(work: Callable[[D], T], many: D, give_up: Callable[[D, Exception], T]) -> Iterator[T]:
    """Yield what `work` returns for all of `many` or, where that raises, for its parts.

    `give_up` returns what stands in the place of a part of length one that raises by itself.
    """
    try:
        done = work(many)
    except OUTSIDE:
        raise
    except Exception as error:
        if len(many) > 1:
            middle = len(many) // 2
            yield from spare(work, many[:middle], give_up)
            yield from spare(work, many[middle:], give_up)
            return
        done = give_up(many, error)
    yield done
