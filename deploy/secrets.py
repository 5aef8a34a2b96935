"""Make the secrets that are missing: ``python -m deploy.secrets --directory DIR [--hand-out DIR]``.

One file for each secret, with its name. What is there is never overwritten. With ``--hand-out`` each service then gets
its own secrets, and those alone, in its own folder of that directory, owned by the user that it runs as. A service
whose folder is not there gets nothing.
"""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from conf import cli
from conf.errors import UserError
from deploy.account_files import KIBANA_SYSTEM, MIN_PASSWORD_LENGTH, SUPERUSER, read_roles

SECRET_BYTES: Final = 32  # 43 characters
MIN_KEY_LENGTH: Final = 32
APP_ID: Final = 10001  # user and group of our image
VENDOR_ID: Final = 1000  # of the images of Elasticsearch, Kibana and Kafka
GROUP_MODE: Final = 0o640
VENDOR_MODE: Final = 0o400  # Elasticsearch takes 400 or 600 and refuses everything else

KEYS: Final = (
    *("secret-key", "kibana-encryption-key", "pseudonym-key", "kafka-keystore", "webhook-secret"),
    "spark-secret",  # between the driver and its executors, on Kubernetes
)
KAFKA_CLIENTS: Final = ("kafka_setup", "kafka_stream", "kafka_producer", "kafka_canary", "kafka_alerts")
KAFKA_LOGINS: Final = "kafka-jaas.conf"


class SecretError(UserError):
    """A secret that is there cannot be used."""


@dataclass(frozen=True)
class Consumer:
    """A service that gets secrets: which, owned by whom, files made of several, and some that are empty if absent."""

    names: tuple[str, ...]
    owner_id: int = APP_ID
    made: Mapping[str, Callable[[Mapping[str, str]], str]] = field(default_factory=dict)
    optional: tuple[str, ...] = ()


def kafka_logins(values: Mapping[str, str]) -> str:
    """Return Kafka's list of the accounts that may log in with their password (SASL PLAIN)."""
    users = "".join(f'\n    user_{name}="{values[name]}"' for name in KAFKA_CLIENTS)
    return f"KafkaServer {{\n    org.apache.kafka.common.security.plain.PlainLoginModule required{users};\n}};\n"


CONSUMERS: Final[Mapping[str, Consumer]] = {
    "elasticsearch": Consumer((SUPERUSER,), VENDOR_ID),
    "kibana": Consumer((KIBANA_SYSTEM, "kibana-encryption-key"), VENDOR_ID),
    "kafka": Consumer(("kafka-keystore",), VENDOR_ID, {KAFKA_LOGINS: kafka_logins}),
    "setup": Consumer((SUPERUSER, *read_roles(), "kafka_setup")),  # on Kubernetes; the container sees all
    "stream": Consumer(("bp_stream", "pseudonym-key", "kafka_stream", "spark-secret")),
    "executors": Consumer(("spark-secret",)),
    "alerts": Consumer(("bp_alerts", "secret-key", "webhook-secret", "kafka_alerts"), optional=("smtp-password",)),
    "producer": Consumer(("kafka_producer",)),
    "canary": Consumer(("kafka_canary",)),
    "site": Consumer(("bp_site", "secret-key"), optional=("password-pepper",)),
    "retrain": Consumer(("bp_retrain",)),
    "prune": Consumer(("bp_prune",)),
    "import": Consumer(("bp_kibana_import",)),
}


def all_names() -> tuple[str, ...]:
    """Return the name of every secret of the system: those of Elasticsearch's accounts, of Kafka's, and keys."""
    return (SUPERUSER, KIBANA_SYSTEM, *read_roles(), *KAFKA_CLIENTS, *KEYS)


def make_missing(directory: Path, names: Iterable[str]) -> list[str]:
    """Make each secret that is not there; return their names. Raises `SecretError` for one that is cut short."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o755)
    made = [name for name in names if _make(directory / name)]
    for name in names:
        least = MIN_KEY_LENGTH if name in KEYS else MIN_PASSWORD_LENGTH  # a password may have been given by others
        if len((directory / name).read_text(encoding="utf-8").strip()) < least:
            raise SecretError(
                f"The secret {directory / name} is shorter than {least} characters and is left as it is. Remove "
                "it, or put a longer one in its place, and start again."
            )
    return made


def hand_out(directory: Path, places: Path) -> list[str]:
    """Copy to each service whose folder is in `places` its own secrets; return the names of these services."""
    present = {name: consumer for name, consumer in CONSUMERS.items() if (places / name).is_dir()}
    values = {name: (directory / name).read_text(encoding="utf-8").strip() for name in all_names()}
    for service, consumer in present.items():
        give = partial(write_owned, places / service, owner_id=consumer.owner_id)
        for name in consumer.names:
            give(name, values[name].encode())
        for name, make in consumer.made.items():
            give(name, make(values).encode())
        for name in consumer.optional:
            give(name, (directory / name).read_bytes() if (directory / name).exists() else b"")
    return list(present)


def write_owned(folder: Path, name: str, content: bytes, *, owner_id: int) -> None:
    """Put a file whole into the place of an older one, readable by that user alone.

    Root, without the right to read everything, stays the owner of our own files so that it can renew them. An ordinary
    user cannot give files away, and keeps them.
    """
    beside = _write_beside(folder / name, content)
    if os.geteuid() == 0:
        os.chmod(beside, GROUP_MODE if owner_id == APP_ID else VENDOR_MODE)
        os.chown(beside, 0 if owner_id == APP_ID else owner_id, owner_id)
    beside.replace(folder / name)


def _make(file: Path) -> bool:
    """Make a secret unless it is there; a link instead of a rename, which would overwrite another one's."""
    if file.exists():
        return False
    beside = _write_beside(file, secrets.token_urlsafe(SECRET_BYTES).encode())
    if os.geteuid() == 0:  # the set-up reads all of them as a member of the group
        os.chmod(beside, GROUP_MODE)
        os.chown(beside, 0, APP_ID)
    try:
        os.link(beside, file)
    except FileExistsError:
        return False
    finally:
        beside.unlink()
    return True


def _write_beside(file: Path, content: bytes) -> Path:
    descriptor, beside = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)  # for its owner alone
    with os.fdopen(descriptor, "wb") as output:
        output.write(content)
        output.flush()
        os.fsync(output.fileno())
    return Path(beside)


def run(directory: Path, places: Path | None) -> None:
    """Make and hand out, telling names and never values."""
    names = all_names()
    made = make_missing(directory, names)
    print(f"Secrets made: {', '.join(made) or 'none'}. There already: {len(names) - len(made)}.")
    if places is not None:
        print(f"Handed out to: {', '.join(hand_out(directory, places)) or 'nobody'}.")


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and do it; return the exit code."""
    parser = cli.parser("python -m deploy.secrets", __doc__)
    parser.add_argument("--directory", type=Path, required=True, help="where all secrets are")
    parser.add_argument("--hand-out", type=Path, metavar="DIR", help="holds one folder for each service")
    return cli.run(parser, lambda chosen: run(chosen.directory, chosen.hand_out), arguments)


if __name__ == "__main__":
    sys.exit(main())
