"""What is taken out of the image's environment is what no service runs, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.trim import LANGUAGES, main
from webapp import i18n

PACKAGES = Path("lib", "python3.11", "site-packages")
GOES = (
    "pandas/tests/frame/test_apply.py",
    "pandas/tests/io/tests/data.csv",
    "scipy/stats/tests/test_stats.py",
    "pip/__init__.py",
    "pip-23.2.1.dist-info/METADATA",
    "setuptools/__init__.py",
    "distutils-precedence.pth",
    "babel/locale-data/de.dat",
    "babel/locale-data/fr_CA.dat",
)
STAYS = (
    "pandas/testing.py",
    "numpy/testing/__init__.py",
    "tests_of_ours/__init__.py",
    "pipeline/__init__.py",
    "babel/locale-data/fr.dat",
    "babel/locale-data/root.dat",
    "babel/global.dat",
)


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    folder = tmp_path / "tests" / ".venv"  # a place whose own name says nothing
    for name in (*GOES, *STAYS):
        (folder / PACKAGES / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / PACKAGES / name).write_text("1234567890")
    for name in ("pip", "pip3", "python"):
        (folder / "bin").mkdir(exist_ok=True)
        (folder / "bin" / name).touch()
    (folder / "pyvenv.cfg").touch()
    return folder


def test_tests_installers_and_foreign_words_go_and_the_rest_stays(environment: Path) -> None:
    assert main([str(environment)]) == 0
    assert [name for name in GOES if (environment / PACKAGES / name).exists()] == []
    assert [name for name in STAYS if not (environment / PACKAGES / name).exists()] == []
    assert [file.name for file in (environment / "bin").iterdir()] == ["python"]


def test_a_second_time_finds_nothing(environment: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(environment)])
    main([str(environment)])
    assert capsys.readouterr().out.endswith("\n0 MB taken out.\n")


def test_a_folder_that_is_no_environment_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / PACKAGES / "pip").mkdir(parents=True)
    assert main([str(tmp_path)]) == 1
    assert "is no environment" in capsys.readouterr().err
    assert (tmp_path / PACKAGES / "pip").exists()


def test_the_languages_that_stay_are_those_of_the_site() -> None:
    assert set(LANGUAGES) == {"root", *i18n.LANGUAGES}
