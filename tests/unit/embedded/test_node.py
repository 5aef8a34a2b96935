from __future__ import annotations

from pathlib import Path

import pytest

from embedded.node import last_complaint

JAVA_TRACE = """\
[2026-01-01] INFO starting
[2026-01-01] ERROR cannot start
java.net.BindException: Address already in use
	at java.base/sun.nio.ch.Net.bind(UnixException.java:1)
	... 18 more
[2026-01-01] INFO closed
"""


@pytest.mark.parametrize(
    ("log", "complaint"),
    [
        (JAVA_TRACE, "java.net.BindException: Address already in use"),
        ("error: no heap\nerror:\nlast\n", "error: no heap"),
        ("first\nlast\n\n", "last"),
        ("", "it wrote nothing"),
    ],
)
def test_complaint_is_the_last_error_else_the_last_line(log: str, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "node.log").write_text(log)
    assert last_complaint(tmp_path / "node.log") == complaint
