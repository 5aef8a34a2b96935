"""An Elasticsearch with its security on and the accounts of deploy/roles, and programs that use it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from elasticsearch import Elasticsearch
from pydantic import SecretStr

from conf.errors import EXIT_OK
from conf.settings import Settings
from deploy.account_files import SUPERUSER, read_password, read_roles
from deploy.secrets import all_names, make_missing
from elastic.client import connect
from elastic.schema import create_standing_indices
from embedded.services import Addresses, Options, start, stop
from tests.conftest import ELASTICSEARCH_HEAP, QUICK_COMPILER
from tests.integration.job import PROJECT, Job
from tests.integration.pipeline import delete_documents

COMMAND_TIMEOUT_S = 120


@dataclass(frozen=True)
class SecuredJob(Job):
    """The stream as a process that reads its password from a file, as in a container."""

    password_file: Path = Path()

    def _environment(self) -> dict[str, str]:
        """Return the environment of the job, in which the password is the name of a file."""
        return super()._environment() | {"BP_ELASTICSEARCH_PASSWORD": f"@{self.password_file}"}


def run(settings: Settings, password_file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the project with these settings and a password from a file."""
    own = {
        "BP_KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "BP_KAFKA_TOPIC": settings.kafka_topic,
        "BP_ELASTICSEARCH_URL": settings.elasticsearch_url,
        "BP_ELASTICSEARCH_USER": settings.elasticsearch_user or SUPERUSER,
        "BP_ELASTICSEARCH_PASSWORD": f"@{password_file}",
        "BP_LOCAL_DIR": str(settings.local_dir),
    }
    command = [sys.executable, "-m", *arguments]
    environment = {"PATH": os.environ["PATH"], **own}
    return subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S
    )


@dataclass(frozen=True)
class Secured:
    """The settings of an Elasticsearch for each account, and the folder of their secrets."""

    base: Settings
    secrets: Path

    def settings(self, account: str, **changes: Any) -> Settings:
        """Return the settings of a program that uses this account."""
        password = SecretStr(read_password(self.secrets, account))
        own = {"elasticsearch_user": account, "elasticsearch_password": password}
        return self.base.model_copy(update=own | changes)

    def client(self, account: str = SUPERUSER) -> Elasticsearch:
        """Return a client that is signed in."""
        return connect(self.settings(account))

    def empty(self) -> None:
        """Remove all documents of the project; the indices are those that were set up."""
        delete_documents(self.client())
        create_standing_indices(self.client())

    def clients(self) -> dict[str, Elasticsearch]:
        """Return a client for each account of a role."""
        return {name: self.client(name) for name in read_roles()}


@contextmanager
def secured_node(services: Addresses, folder: Path) -> Iterator[Secured]:
    """Run a node with the accounts of deploy/roles and secrets of deploy.secrets, prepared by deploy.setup."""
    secrets = folder / "secrets"
    make_missing(secrets, all_names())
    options = Options(
        folder,
        elasticsearch_port=0,
        elasticsearch_heap=ELASTICSEARCH_HEAP,
        java_options=(QUICK_COMPILER,),
        only="elasticsearch",
        elasticsearch_accounts=secrets,
    )
    try:
        base = Settings(
            kafka_bootstrap_servers=str(services.kafka_bootstrap_servers),
            kafka_topic=f"test-{uuid4().hex[:8]}",
            elasticsearch_url=str(start(options).elasticsearch_url),
            min_readings=3,
            max_offsets_per_trigger=1_000,
            spark_master="local[2]",
            local_dir=folder / "local",
            data_dir=folder / "data",
            model_dir=folder / "models",
            checkpoint_dir=folder / "checkpoints",
        )
        for _ in range(2):  # the second time it finds everything there
            done = run(base, secrets / SUPERUSER, "deploy.setup", "--partitions", "2")
            assert done.returncode == EXIT_OK, done.stderr
        yield Secured(base, secrets)
    finally:
        stop(folder, only="elasticsearch", clean=True)
