"""README.md, README.fr.md and .env.example say what is true of settings, dependencies, folders and links."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from conf.settings import PREFIX, Settings, load_settings

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FRENCH = (ROOT / "README.fr.md").read_text(encoding="utf-8")
ENV_EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")


def section(title: str) -> str:
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def rows(title: str) -> Iterator[list[str]]:
    """Return the cells of the section's table, without its two heading lines."""
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    return ([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:])


def defaults() -> dict[str, str | None]:
    fields = {PREFIX + name.upper(): field.get_default() for name, field in Settings.model_fields.items()}
    return {name: None if value is None else str(value) for name, value in fields.items()}


def test_the_settings_table_holds_every_setting_with_its_default_in_order() -> None:
    table = [
        (name.strip("`"), None if default == "none" else default.strip("`")) for name, default, _ in rows("Settings")
    ]

    assert table == list(defaults().items())


def test_every_setting_is_explained() -> None:
    assert all(len(meaning) > 10 for _, _, meaning in rows("Settings"))


def test_the_example_file_holds_every_setting_with_its_default_in_order() -> None:
    pairs = [line[1:].split("=", 1) for line in ENV_EXAMPLE.splitlines() if line.startswith(f"#{PREFIX}")]

    assert [(name, value or None) for name, value in pairs] == list(defaults().items())


def test_the_example_file_changes_nothing_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(ENV_EXAMPLE.replace("\n#BP_", "\nBP_"), encoding="utf-8")

    assert load_settings({}, tmp_path / ".env") == load_settings({}, tmp_path / "none")


def test_every_dependency_has_a_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    named = set(re.findall(r"`([a-z0-9.-]+)`", section("Dependencies")))

    assert {re.split(r"[^a-z0-9.-]", line)[0] for line in declared} <= named


def test_folders_files_and_links_exist() -> None:
    made_at_run_time = {".local/", "data/", "models/"}
    folders = {name for row in rows("Where things are") for name in re.findall(r"`([\w./]+/)`", row[0])}
    links = set(re.findall(r"\]\(([^)#:]+)\)", README))

    assert [name for name in sorted(folders - made_at_run_time | links) if not (ROOT / name).exists()] == []


def test_the_two_commands_are_programs() -> None:
    commands = re.findall(r"^(\S+) +#", section("Two commands"), flags=re.MULTILINE)

    assert commands == ["./spark-submit.sh", "tests/run.sh"]
    assert all((ROOT / command).stat().st_mode & 0o111 for command in commands)


def test_the_french_page_names_the_same_commands_and_only_what_exists() -> None:
    named = {*re.findall(r"`([\w./]+/)`", FRENCH), *re.findall(r"\]\(([^)#:]+)\)", FRENCH)}

    assert re.findall(r"^(\S+) +#", FRENCH, flags=re.MULTILINE) == ["./spark-submit.sh", "tests/run.sh"]
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_the_folders_of_both_pages_are_those_of_the_project() -> None:
    packages = {f"{path.parent.name}/" for path in ROOT.glob("*/__init__.py")}
    english = {name for row in rows("Where things are") for name in re.findall(r"`(\w+/)`", row[0])}
    french = set(re.findall(r"`(\w+/)`", FRENCH))

    assert packages <= english
    assert packages <= french
