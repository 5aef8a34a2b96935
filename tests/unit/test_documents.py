"""What README and docs name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("README*.md"), *ROOT.glob("docs/*.md")])
RUN = re.compile(r"python -m ((?:[a-z_]+\.)*[a-z_]+)(?![.\w])")
NAMED = re.compile(r"`((?:\w[\w-]*/)+[\w.-]+\.(?:py|json|sh|html|po|xml|lock|conf|properties|sql|yaml))`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    named = set(NAMED.findall(page.read_text(encoding="utf-8")))
    made_at_run_time = {name for name in named if name.startswith((".local/", "models/", "data/"))}
    assert [name for name in sorted(named - made_at_run_time) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_every_module_that_a_page_runs_exists(page: Path) -> None:
    modules = set(RUN.findall(page.read_text(encoding="utf-8"))) - {"pip", "venv"}
    places = {name: ROOT.joinpath(*name.split(".")) for name in modules}
    absent = [name for name, path in places.items() if not (path / "__main__.py").exists()]
    assert [name for name in sorted(absent) if not places[name].with_suffix(".py").exists()] == []
