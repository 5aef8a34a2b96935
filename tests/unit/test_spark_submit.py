"""What spark-submit.sh says on machines that lack something: each with a PATH that holds only what the test names."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("bash", "cat", "chmod", "dirname", "env", "find", "grep", "head", "mkdir", "sed", "sh", "sort", "tr")
PREPARE_STUB = "import sys; print('prepared with', *sys.argv[1:])"
JAVA_STUB = "#!/bin/sh\necho 'openjdk version \"{version}.0.1\" 2026-01-01' >&2\n"
APT_THAT_BRINGS_JAVA = (
    "#!/bin/sh\nmkdir -p {place}/bin\nprintf '%s' '" + JAVA_STUB.format(version=21).replace("'", "'\\''") + "'"
    " >{place}/bin/java\nchmod +x {place}/bin/java\n"
)


@dataclass
class Machine:
    """A project folder and a PATH of its own; what is not put there does not exist."""

    root: Path

    def add(self, name: str, script: str) -> None:
        program = self.root / "bin" / name
        program.write_text(script)
        program.chmod(0o755)

    def add_java(self, version: int) -> Path:
        java = self.root / "jvm" / f"java-{version}" / "bin" / "java"
        java.parent.mkdir(parents=True)
        java.write_text(JAVA_STUB.format(version=version))
        java.chmod(0o755)
        return java

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        places = {"PATH": str(self.root / "bin"), "JVM_DIRS": str(self.root / "jvm"), "JAVA_HOME_TOOL": ""}
        return subprocess.run(
            [str(self.root / "bin" / "bash"), str(self.root / "spark-submit.sh"), *arguments],
            env={**places, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            stdin=subprocess.DEVNULL,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Make the machine of an ordinary user with Python, without Java and without a package manager."""
    (tmp_path / "bin").mkdir()
    for name in TOOLS:
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    for folder in ("deploy/submit", "jobs/streaming"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(ROOT / "spark-submit.sh", tmp_path)
    (tmp_path / "deploy" / "submit" / "prepare.py").write_text(PREPARE_STUB)
    (tmp_path / "jobs" / "stream.py").write_text("def main() -> None: ...\n")
    (tmp_path / "jobs" / "__init__.py").write_text("")
    (tmp_path / "jobs" / "streaming" / "windows.py").write_text("WINDOW = 30\n")
    (tmp_path / "jobs" / "generate.py").write_text("def main() -> None: ...\n")
    made = Machine(tmp_path)
    made.add("id", "#!/bin/sh\necho 1000\n")
    made.add("python3", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    return made


def test_an_unknown_job_is_refused_with_the_list_of_jobs(machine: Machine) -> None:
    ended = machine.run("windows")

    assert ended.returncode == 2
    assert ended.stderr == "error: Unknown job 'windows'. There are: demo setup pack generate stream \n"


def test_the_value_of_an_option_is_not_taken_for_the_job(machine: Machine) -> None:
    ended = machine.run("--conf", "stream", "--packed", "stream", "nothing")

    assert ended.returncode == 2
    assert "Unknown job 'nothing'" in ended.stderr


def test_help_needs_nothing(machine: Machine) -> None:
    ended = machine.run("--help")

    assert ended.returncode == 0
    assert "./spark-submit.sh [--yes] [demo]" in ended.stdout
    assert "set -euo" not in ended.stdout


def test_without_java_the_one_command_to_type_is_printed(machine: Machine) -> None:
    machine.add("apt-get", "#!/bin/sh\nexit 0\n")
    ended = machine.run("setup")

    assert ended.returncode == 1
    assert ended.stderr.startswith("error: Java 17 or 21 is missing. Install it with: sudo sh -c 'apt-get update && ")
    assert len(ended.stderr.splitlines()) == 1


def test_without_a_package_manager_it_says_that_too(machine: Machine) -> None:
    ended = machine.run("--yes", "setup")

    assert ended.returncode == 1
    assert "Java 17 or 21 is missing and this system has neither apt, dnf nor brew" in ended.stderr


@pytest.mark.parametrize("version", [8, 11, 25])
def test_a_java_of_another_version_does_not_count(machine: Machine, version: int) -> None:
    java = machine.add_java(version)
    ended = machine.run("setup", JAVA_HOME=str(java.parent.parent))

    assert ended.returncode == 1
    assert "Java 17 or 21 is missing" in ended.stderr


@pytest.mark.parametrize("version", [17, 21])
def test_a_java_in_the_usual_places_is_found(machine: Machine, version: int) -> None:
    java = machine.add_java(version)
    ended = machine.run("setup", "--dev")

    assert (ended.returncode, ended.stdout) == (0, f"prepared with --java {java} --dev\n")


def test_java_home_wins_over_the_usual_places(machine: Machine) -> None:
    machine.add_java(17)
    chosen = machine.add_java(21)
    ended = machine.run("setup", JAVA_HOME=str(chosen.parent.parent))

    assert ended.stdout == f"prepared with --java {chosen}\n"


@pytest.mark.parametrize(("arguments", "environment"), [(("--yes", "setup"), {}), (("setup",), {"CI": "true"})])
def test_root_installs_java_when_told_to(
    machine: Machine, arguments: tuple[str, ...], environment: dict[str, str]
) -> None:
    machine.add("id", "#!/bin/sh\necho 0\n")
    machine.add("apt-get", APT_THAT_BRINGS_JAVA.format(place=machine.root / "jvm" / "java-21"))
    ended = machine.run(*arguments, **environment)

    assert ended.returncode == 0, ended.stderr
    assert "Installing Java 17 or 21: apt-get update && " in ended.stdout
    assert f"prepared with --java {machine.root}/jvm/java-21/bin/java" in ended.stdout


def test_a_failed_installation_names_the_log(machine: Machine) -> None:
    machine.add("id", "#!/bin/sh\necho 0\n")
    machine.add("apt-get", "#!/bin/sh\necho 'no network'\nexit 100\n")
    ended = machine.run("--yes", "setup")

    assert ended.returncode == 1
    assert "Java 17 or 21 could not be installed. The whole output is in .local/logs/setup.log." in ended.stderr
    assert "no network" in (machine.root / ".local/logs/setup.log").read_text()


def test_an_old_python_is_refused(machine: Machine) -> None:
    machine.add("python3", "#!/bin/sh\nexit 1\n")
    machine.add("dnf", "#!/bin/sh\nexit 0\n")
    ended = machine.run("setup")

    assert ended.returncode == 1
    assert ended.stderr == (
        "error: Python 3.11 or newer is missing. Install it with: sudo sh -c 'dnf install -y python3.12'\n"
    )


def test_a_chosen_python_that_does_not_fit_is_refused(machine: Machine) -> None:
    ended = machine.run("setup", PYTHON="/nowhere/python3")

    assert (ended.returncode, ended.stderr) == (
        1,
        "error: PYTHON=/nowhere/python3 cannot be run or is older than 3.11.\n",
    )


def test_a_missing_venv_module_is_named_with_its_package(machine: Machine) -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    code = f'case "$2" in *ensurepip*) exit 1;; esac; exec {sys.executable} "$@"'
    machine.add("python3", f"#!/bin/sh\n{code}\n")
    machine.add("apt-get", "#!/bin/sh\nexit 0\n")
    ended = machine.run("setup")

    assert ended.returncode == 1
    assert "Python's venv module is missing." in ended.stderr
    assert f"sudo sh -c 'apt-get update && apt-get install -y python{version}-venv'" in ended.stderr
