"""One Elasticsearch node, unpacked from its distribution into its own directory."""

from __future__ import annotations

import base64
import http.client
import json
import os
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from conf.ports import HOST
from deploy.account_files import SUPERUSER, read_password
from embedded.accounts import give_away, home_for, make_private, unprivileged_account
from embedded.paths import elasticsearch_zip, log_file
from embedded.process import SHORT_LIVED, Account, launch, mark_of
from embedded.realm import SECURITY_ON, accounts_of, write_realm

REQUEST_TIMEOUT_S = 5.0
USABLE_STATUS = {"green", "yellow"}
CLUSTER_NAME = "embedded"

# The watermarks are bytes, not the default percentages: on a big disk 90 % full there is room enough.
NODE_SETTINGS = {
    "cluster.name": CLUSTER_NAME,
    "node.name": CLUSTER_NAME,
    "discovery.type": "single-node",
    "network.host": HOST,
    "transport.port": 0,
    "xpack.security.enabled": False,
    "cluster.routing.allocation.disk.watermark.low": "500mb",
    "cluster.routing.allocation.disk.watermark.high": "300mb",
    "cluster.routing.allocation.disk.watermark.flood_stage": "150mb",
}

LOG4J2_PROPERTIES = """\
status=error
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=[%d{ISO8601}][%-5p][%c{1}] %m%n
rootLogger.level=info
rootLogger.appenderRef.console.ref=console
"""


@dataclass(frozen=True)
class ElasticsearchNode:
    """The node whose files are in `home`; `account` is the user it runs as, None for the present one."""

    local_dir: Path
    home: Path
    account: Account | None
    name: str = "elasticsearch"
    title: str = "Elasticsearch"

    @classmethod
    def of(cls, local_dir: Path) -> ElasticsearchNode:
        """Return the node that belongs to `local_dir` for the present user."""
        account = unprivileged_account(os.geteuid())
        return cls(local_dir, home_for(account, local_dir), account)

    @property
    def lock(self) -> Path:
        """Return the file that the node locks while it uses its data."""
        return self.home / "data" / "node.lock"

    def start(self, java: Path, port: int, jvm: Sequence[str]) -> None:
        """Unpack the distribution the first time, write the configuration and start the node."""
        archive = elasticsearch_zip()
        make_private(self.home, self.account)
        program = self._unpack(archive)
        self._write_configuration(port, jvm)
        if self.account:
            give_away(self.home, self.account)
        launch(
            self._command(java, program),
            log=log_file(self.local_dir, self.name),
            cwd=program,  # the launcher looks for its libraries from here
            environment={"ES_TMPDIR": str(self.home / "tmp")},
            account=self.account,
        )

    def is_healthy(self, port: int) -> bool:
        """Tell whether the node has formed its cluster and every primary shard is there."""
        headers = self._sign_in()
        root, health = _get(port, "/", headers), _get(port, "/_cluster/health", headers)
        return root.get("cluster_name") == CLUSTER_NAME and health.get("status") in USABLE_STATUS

    def address(self, port: int) -> str:
        """Return the URL for clients."""
        return f"http://{HOST}:{port}"

    def _sign_in(self) -> dict[str, str]:
        """Return what a request needs where security is on."""
        accounts = accounts_of(self.local_dir)
        if accounts is None:
            return {}
        credentials = f"{SUPERUSER}:{read_password(accounts, SUPERUSER)}"
        return {"Authorization": f"Basic {base64.b64encode(credentials.encode()).decode()}"}

    def _unpack(self, archive: Path) -> Path:
        program = self.home / archive.stem
        if not program.exists():
            partial = self.home / "unpacking"
            shutil.rmtree(partial, ignore_errors=True)
            with zipfile.ZipFile(archive) as distribution:
                distribution.extractall(partial)
            (partial / archive.stem).rename(program)
            partial.rmdir()
        return program

    def _write_configuration(self, port: int, asked: Sequence[str]) -> None:
        for directory in ("conf", "data", "logs", "tmp"):
            (self.home / directory).mkdir(exist_ok=True)
        own = {"http.port": port, "path.data": str(self.home / "data"), "path.logs": str(self.home / "logs")}
        accounts = accounts_of(self.local_dir)
        security = {} if accounts is None else SECURITY_ON
        settings = "".join(
            f"{key}: {json.dumps(value)}\n" for key, value in {**NODE_SETTINGS, **own, **security}.items()
        )
        jvm = ("-XX:+UseG1GC", "-Djava.io.tmpdir=${ES_TMPDIR}", *asked, mark_of(self.home))
        conf = self.home / "conf"
        if accounts is not None:
            write_realm(conf, accounts)
        (conf / "elasticsearch.yml").write_text(settings, encoding="utf-8")
        (conf / "jvm.options").write_text("\n".join((*jvm, "-XX:+ExitOnOutOfMemoryError", "")), encoding="utf-8")
        (conf / "log4j2.properties").write_text(LOG4J2_PROPERTIES, encoding="utf-8")

    def _command(self, java: Path, program: Path) -> list[str]:
        """Return what ``bin/elasticsearch`` runs; that script itself breaks on blanks in a path and needs bash."""
        return [
            str(java),
            *("-Xms4m", "-Xmx64m", *SHORT_LIVED, mark_of(self.home)),
            "-Dcli.name=server",
            f"-Dcli.script={program / 'bin' / 'elasticsearch'}",
            "-Dcli.libs=lib/tools/server-cli",
            f"-Des.path.home={program}",
            f"-Des.path.conf={self.home / 'conf'}",
            "-Des.distribution.type=zip",
            *("-cp", f"{program}/lib/*:{program}/lib/cli-launcher/*"),
            "org.elasticsearch.launcher.CliToolLauncher",
        ]


def _get(port: int, path: str, headers: Mapping[str, str]) -> dict[str, object]:
    """Return the answer of the node, empty when there is none; never through a proxy."""
    connection = http.client.HTTPConnection(HOST, port, timeout=REQUEST_TIMEOUT_S)
    try:
        connection.request("GET", path, headers=dict(headers))
        answer = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return {}
    finally:
        connection.close()
    return answer if isinstance(answer, dict) else {}
