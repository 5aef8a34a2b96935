"""Take out of an environment what no service runs: ``python -m deploy.trim .venv``. For the image; not to be undone.

The packages' own tests, what installs packages, and the words of languages that the site does not speak.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from conf import cli
from conf.errors import UserError

INSTALLERS: Final = ("pip", "setuptools", "pkg_resources", "_distutils_hack", "distutils-precedence.pth")
LANGUAGES: Final = ("root", "en", "fr")  # `webapp.i18n.LANGUAGES`, and what they are based on


def unused(environment: Path) -> Iterator[Path]:
    """Yield the folders and files of an environment that no service needs; none lies within another."""
    for packages in environment.glob("lib/python*/site-packages"):
        tests = (found.relative_to(packages) for found in packages.glob("*/**/tests"))
        yield from (packages / found for found in tests if "tests" not in found.parts[:-1])
        yield from (packages / name for name in INSTALLERS)
        yield from (found for name in INSTALLERS for found in packages.glob(f"{name}-*.dist-info"))
        yield from (file for file in packages.glob("babel/locale-data/*.dat") if file.stem not in LANGUAGES)
    yield from environment.glob("bin/pip*")


def trim(environment: Path) -> int:
    """Delete what is `unused`; return how many bytes that were."""
    if not (environment / "pyvenv.cfg").exists():
        raise UserError(f"{environment} is no environment of Python. Name the folder that holds its pyvenv.cfg.")
    freed = 0
    for path in [path for path in unused(environment) if path.exists()]:
        freed += sum(file.lstat().st_size for file in (path, *path.rglob("*")) if not file.is_dir())
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return freed


def main(arguments: list[str] | None = None) -> int:
    """Do it; return the exit code."""
    parser = cli.parser("python -m deploy.trim", __doc__)
    parser.add_argument("environment", type=Path)
    return cli.run(parser, lambda chosen: print(f"{trim(chosen.environment) / 1e6:.0f} MB taken out."), arguments)


if __name__ == "__main__":
    sys.exit(main())
