"""Texts for people in several languages: marked here, kept as ``.po``, and how numbers stand in them.

Message ids are English. ``<folder>/translations/<language>/LC_MESSAGES/messages.po`` holds the other language's texts
of a folder; the catalogues are compiled when a program starts, so nothing has to be built.
"""

from __future__ import annotations

import io
import math
import re
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

NO_VALUE: Final = "\N{EN DASH}"
BREAKABLE: Final = re.compile(r" (?=[:;!?»])|(?<=«) ")


def N_(message: str) -> str:  # noqa: N802 - the usual name
    """Mark a text for the catalogue that is translated only where it is shown."""
    return message


def percent(risk: float | None) -> str:
    """Write a risk (0..1) as whole percentage; a dash for none.

    It is cut off and never rounded up, so that it never claims a level that the risk has not reached: 0.3996 reads
    39 % beside MEDIUM. The decimal digits of the stored number count, not its binary value: 0.29 reads 29 % although
    the nearest binary number lies below it.
    """
    return NO_VALUE if risk is None else f"{int(Decimal(str(risk)) * 100)}\N{NO-BREAK SPACE}%"


def mmhg(pressure: float) -> str:
    """Write a pressure in whole mmHg, cut off as risks are: 179.6 is no crisis, and must not read 180."""
    return str(math.floor(pressure))


@cache
def compile_catalogue(file: Path) -> bytes:
    """Return the ``.mo`` file of ``<language>/LC_MESSAGES/<name>.po``; raises when that is not well formed.

    What French sets apart by a space (``: ; ! ?`` and guillemets) is never parted by the end of a line.
    """
    compiled = io.BytesIO()
    with file.open("rb") as source:
        catalogue = read_po(source, locale=file.parents[1].name, abort_invalid=True)
    for message in catalogue:
        if isinstance(message.string, str):
            message.string = _join(message.string)
        elif message.string:
            message.string = tuple(map(_join, message.string))
    write_mo(compiled, catalogue)
    return compiled.getvalue()


def _join(text: str) -> str:
    return BREAKABLE.sub("\N{NO-BREAK SPACE}", text)
