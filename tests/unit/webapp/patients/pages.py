"""How tests read pages."""

from __future__ import annotations

import re
from typing import Any

from tests.unit.webapp.site import Site


def text(site: Site, path: str, **user: Any) -> str:
    answer = site.signed_in(**user).get(path)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def visible(page: str) -> str:
    """Return the text of a page with single plain spaces."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())
