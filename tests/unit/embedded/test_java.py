"""Java discovery with programs that answer like a Java of a given version."""

from __future__ import annotations

from pathlib import Path

import pytest

from conf.errors import UserError
from embedded.java import JavaInstallation, find_java, parse_settings


def install_java(root: Path, version: str) -> Path:
    """Make a home directory whose `bin/java` describes itself as `version`; return the home."""
    program = root / "bin" / "java"
    program.parent.mkdir(parents=True)
    answer = f"    java.home = {root}\\n    java.specification.version = {version}\\n"
    program.write_text(f"#!/bin/sh\nprintf '{answer}' >&2\n")
    program.chmod(0o755)
    return root


@pytest.mark.parametrize(("specification", "version"), [("1.8", 8), ("11", 11), ("17", 17), ("21", 21), ("25", 25)])
def test_version_and_home_are_read_from_the_settings_of_any_java(specification: str, version: int) -> None:
    text = f"Property settings:\n    java.home = /jvm/j\n    java.specification.version = {specification}\n"
    assert parse_settings(text) == JavaInstallation(version, Path("/jvm/j"))


def test_text_without_settings_is_no_java() -> None:
    assert parse_settings("The operation couldn't be completed. Unable to locate a Java Runtime.") is None


def test_java_home_comes_before_the_path(tmp_path: Path) -> None:
    first, second = install_java(tmp_path / "a", "17"), install_java(tmp_path / "b", "21")
    found = find_java({"JAVA_HOME": str(first), "PATH": str(second / "bin")}, places=())
    assert found == first / "bin" / "java"


def test_java_of_a_wrong_version_is_passed_over_for_a_fitting_one_elsewhere(tmp_path: Path) -> None:
    wrong = install_java(tmp_path / "jvm" / "wrong", "25")
    fitting = install_java(tmp_path / "jvm" / "fitting", "21")
    places = (f"{tmp_path}/jvm/*/bin/java",)
    assert find_java({"JAVA_HOME": str(wrong), "PATH": str(wrong / "bin")}, places) == fitting / "bin" / "java"


def test_only_wrong_versions_are_named_with_the_remedy(tmp_path: Path) -> None:
    wrong = install_java(tmp_path / "wrong", "25")
    with pytest.raises(UserError, match=r"only Java 25 in .*wrong\. Install Java 17 or 21"):
        find_java({"JAVA_HOME": str(wrong)}, places=())


def test_no_java_at_all_is_one_sentence_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"No Java was found\. Install Java 17 or 21 .* or set JAVA_HOME") as caught:
        find_java({"PATH": str(tmp_path)}, places=())
    assert "\n" not in str(caught.value)


def test_a_java_that_does_not_run_is_no_java(tmp_path: Path) -> None:
    broken = install_java(tmp_path / "broken", "17")
    (broken / "bin" / "java").write_text("#!/bin/sh\necho 'Unable to locate a Java Runtime.' >&2\nexit 1\n")
    with pytest.raises(UserError, match="No Java was found"):
        find_java({"JAVA_HOME": str(broken)}, places=())
