"""A real API server of Kubernetes with its store, and no node: what is applied is checked and kept, no pod starts."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from conf.ports import free_port
from tests.support.go_programs import GoProgram

BUILD_TIMEOUT_S: Final = 7200
VERSION: Final = "1.34.4"
API_SERVER: Final = GoProgram(
    "kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver", f"v{VERSION}", "1.24.0", BUILD_TIMEOUT_S
)
NEEDED: Final = {"etcd": "etcd-server", "kubectl": "kubectl"}  # a program by its package
PATIENCE_S: Final = 120
ADMIN: Final = "administrator"
AUDIT: Final = """
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
"""


def lacking() -> Iterator[str]:
    """Yield what this machine lacks for it."""
    yield from (f"{name} (package {package})" for name, package in NEEDED.items() if shutil.which(name) is None)


def build() -> Path:
    """Return the server, built the first time."""
    program, reason = API_SERVER.find(_versions_of_parts())
    assert program, reason
    return program


def _versions_of_parts() -> Iterator[str]:
    """Yield the parts of the project that its module takes from its own tree: here from modules of their own."""
    command = ["go", "mod", "download", "-json", f"k8s.io/kubernetes@v{VERSION}"]
    fetched = subprocess.run(command, capture_output=True, text=True, check=True)
    for line in Path(json.loads(fetched.stdout)["GoMod"]).read_text(encoding="utf-8").splitlines():
        part, arrow, place = line.removeprefix("replace").partition("=>")
        if arrow and place.strip().startswith("./staging"):
            yield f"{part.strip()} => {part.strip()} v0.{VERSION.removeprefix('1.')}"


@dataclass(frozen=True)
class ApiServer:
    """A running server, and what to speak with it by."""

    folder: Path
    url: str

    def kubectl(self, *arguments: object, given: object = None) -> subprocess.CompletedProcess[str]:
        """Run kubectl as administrator; `given` are documents for its standard input."""
        return subprocess.run(
            ["kubectl", "--kubeconfig", self.folder / ADMIN, *map(str, arguments)],
            input=yaml.safe_dump_all(given) if isinstance(given, list) else None,
            capture_output=True,
            text=True,
            check=False,
        )

    def told(self, *arguments: object, given: object = None) -> str:
        """Return what kubectl prints; it must end well."""
        done = self.kubectl(*arguments, given=given)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def stored(self, namespace: str, kind: str, *options: str) -> list[dict[str, Any]]:
        """Return what is stored of a kind."""
        found = self.told("-n", namespace, "get", kind, *options, "-o", "json")
        return list(json.loads(found)["items"])

    def write_config(self, name: str, token: str, namespace: str = "default") -> Path:
        """Write a file by which the holder of a token reaches the server; return its path."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": "here",
                    "cluster": {"server": self.url, "certificate-authority": str(self.folder / "apiserver.crt")},
                }
            ],
            "users": [{"name": name, "user": {"token": token}}],
            "contexts": [{"name": name, "context": {"cluster": "here", "user": name, "namespace": namespace}}],
            "current-context": name,
        }
        path = self.folder / name
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        path.chmod(0o600)
        return path

    def asked_by(self, user: str) -> list[dict[str, Any]]:
        """Return the requests of a user, each with verb, object and answer."""
        lines = (self.folder / "audit.log").read_text(encoding="utf-8").splitlines()
        return [event for line in lines if (event := json.loads(line))["user"]["username"] == user]


@contextmanager
def running(folder: Path) -> Iterator[ApiServer]:
    """Run store and server until the end."""
    program, ports = build(), [free_port() for _ in range(3)]
    store = f"http://127.0.0.1:{ports[0]}"
    peers = f"http://127.0.0.1:{ports[1]}"
    server = ApiServer(folder, f"https://127.0.0.1:{ports[2]}")
    _write_keys(folder)
    etcd = ["etcd", f"--data-dir={folder}/etcd", f"--listen-client-urls={store}", f"--advertise-client-urls={store}"]
    etcd += [
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
    ]
    with _process(folder, "etcd", etcd), _process(folder, "server", [str(program), *_options(folder, store, ports[2])]):
        _wait_until_ready(server)
        yield server


def _options(folder: Path, store: str, port: int) -> list[str]:
    return [
        f"--etcd-servers={store}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={folder}",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={folder}/account.key",
        f"--service-account-signing-key-file={folder}/account.key",
        "--authorization-mode=RBAC",
        f"--token-auth-file={folder}/tokens.csv",
        f"--audit-policy-file={folder}/audit.yaml",
        f"--audit-log-path={folder}/audit.log",
    ]


def _write_keys(folder: Path) -> None:
    """Write what signs the tokens of accounts, the administrator's token, and what is noted of requests."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    (folder / "account.key").write_bytes(key.private_bytes(*form))
    (folder / "tokens.csv").write_text(f"{ADMIN}-token,{ADMIN},1,system:masters\n", encoding="utf-8")
    (folder / "audit.yaml").write_text(AUDIT, encoding="utf-8")


@contextmanager
def _process(folder: Path, name: str, command: list[str]) -> Iterator[None]:
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _wait_until_ready(server: ApiServer) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not (server.folder / "apiserver.crt").exists() or server.kubectl("get", "--raw", "/readyz").returncode:
        server.write_config(ADMIN, f"{ADMIN}-token")
        assert time.monotonic() < deadline, (server.folder / "server.log").read_text(errors="replace")[-3000:]
        time.sleep(0.5)
