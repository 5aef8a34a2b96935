"""Train a first model when there is none: ``python -m deploy.first_model``.

The stream cannot start without one. As in the demo it comes from simulated patients in a minute or two; a model that is
there is left alone.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from conf import cli
from conf.errors import UserError
from conf.settings import load_settings
from ml.registry.bundles import current_version

# Told to ./spark-submit.sh or `deploy.submit`. In a minute Java's second compiler takes more time than it saves.
TRAINING: Final = ("--conf", "spark.driver.extraJavaOptions=-XX:TieredStopAtLevel=1", "retrain", "--quick")


def train_if_missing(model_dir: Path) -> None:
    """Tell that there is a model; else train one. Raises `UserError` when none is in service after that."""
    version = current_version(model_dir)
    if version is not None:
        print(f"Model {version} is in service.")
        return
    subprocess.run([sys.executable, "-m", "deploy.submit", *TRAINING], check=False)
    if current_version(model_dir) is None:
        raise UserError("The first model was not trained or did not pass its checks, see above. Start this again.")


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and do it; return the exit code."""
    parser = cli.parser("python -m deploy.first_model", __doc__)
    return cli.run(parser, lambda _: train_if_missing(load_settings().model_dir), arguments)


if __name__ == "__main__":
    sys.exit(main())
