"""Make the certificates that are missing: ``python -m deploy.certificates --directory DIR --secrets DIR --hand-out DIR
--authority DIR [--site-names A,B] [--kafka-names A,B]``.

An authority of our own signs one certificate for each server, and another one when it is to answer to a new name. What
another authority signed is never overwritten, so an operator may put certificates of his own there, ``site.crt`` and
``site.key``, say; clients trust ``ca.crt``.
Each server then gets its own certificate and key in its folder; the certificate of the authority goes to everybody.
Needs the program ``openssl``.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from conf import cli
from conf.errors import UserError
from deploy.secrets import CONSUMERS, write_owned

AUTHORITY: Final = "ca"
SERVERS: Final = ("elasticsearch", "kibana", "kafka", "site")
LOCAL_NAMES: Final = ("localhost", "127.0.0.1")
OUR_NAME: Final = "Blood-pressure surveillance"
READ_ONCE: Final = ("kafka", "kibana")  # the others take a new certificate while they run
RESTART: Final = "docker compose -f compose.yaml -f compose.tls.yaml restart"
AUTHORITY_DAYS: Final = 3650
SERVER_DAYS: Final = 397  # what browsers accept at most
RENEW_BEFORE_DAYS: Final = 30
KEYSTORE: Final = "kafka.p12"  # Kafka's image takes a keystore with a password, not PEM
KEYSTORE_PASSWORD: Final = "kafka-keystore"  # noqa: S105 - the name of the file
NEW_KEY: Final = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
PUBLIC_MODE: Final = 0o444
EXTENSIONS: Final = """subjectAltName={names}
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
"""


class CertificateError(UserError):
    """A certificate cannot be made."""


Names = Mapping[str, tuple[str, ...]]


def names_of(more: Names) -> Names:
    """Return the names that each server's certificate is for, with those that it is to have besides."""
    own = {server: (server, *LOCAL_NAMES) for server in SERVERS} | {"site": ("webapp", *LOCAL_NAMES)}
    return {server: tuple(dict.fromkeys((*names, *more.get(server, ())))) for server, names in own.items()}


def make_missing(directory: Path, names: Names) -> list[str]:
    """Make the authority and each server's certificate unless they are there; return the names of those made.

    One that our authority signed is made anew when a name is missing in it.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o755)
    made = [AUTHORITY] if _make_authority(directory) else []
    return made + [server for server in SERVERS if _make_certificate(directory, server, names[server])]


def unnamed(certificate: Path, names: tuple[str, ...]) -> list[str]:
    """Return those of some names that a certificate is not for."""
    listed = _told_of(certificate, "-ext", "subjectAltName").replace(",", " ").split()

    def is_named(name: str) -> bool:
        check = "-checkip" if _is_address(name) else "-checkhost"
        return f"DNS:{name}" in listed or "does match certificate" in _told_of(certificate, check, name)

    return [name for name in names if not is_named(name)]


def hand_out(directory: Path, passwords: Path, places: Path, authority: Path) -> None:
    """Copy to each server its certificate and key, and to everybody the certificate of the authority."""
    for server in SERVERS:
        owner_id = CONSUMERS[server].owner_id
        for name in (f"{server}.crt", f"{server}.key"):
            write_owned(places / server, name, (directory / name).read_bytes(), owner_id=owner_id)
    write_owned(places / "kafka", KEYSTORE, _keystore(directory, passwords / KEYSTORE_PASSWORD), owner_id=1000)
    public = authority / f"{AUTHORITY}.crt"
    public.unlink(missing_ok=True)
    public.write_bytes((directory / f"{AUTHORITY}.crt").read_bytes())
    public.chmod(PUBLIC_MODE)


def about_to_end(directory: Path) -> list[str]:
    """Return the names of certificates that end within `RENEW_BEFORE_DAYS`."""
    seconds = str(RENEW_BEFORE_DAYS * 86_400)
    return [name for name in (AUTHORITY, *SERVERS) if not _still_valid(directory / f"{name}.crt", seconds)]


def subject_names(names: tuple[str, ...]) -> str:
    """Return the names and addresses of a server as OpenSSL writes them."""
    return ",".join(f"{'IP' if _is_address(name) else 'DNS'}:{name}" for name in dict.fromkeys(names))


def _make_authority(directory: Path) -> bool:
    certificate, key = _pair(directory, AUTHORITY)
    if certificate.exists():
        return False
    rights = ("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    subject = ("-subj", f"/CN={OUR_NAME}", "-days", str(AUTHORITY_DAYS))
    with tempfile.TemporaryDirectory(dir=directory) as folder:
        new_certificate, new_key = _pair(Path(folder), AUTHORITY)
        _openssl("req", "-x509", *NEW_KEY, "-keyout", new_key, "-out", new_certificate, *subject, *rights)
        new_key.replace(key)
        new_certificate.replace(certificate)
    return True


def _make_certificate(directory: Path, server: str, names: tuple[str, ...]) -> bool:
    certificate, key = _pair(directory, server)
    if certificate.exists() and not (unnamed(certificate, names) and OUR_NAME in _told_of(certificate, "-issuer")):
        return False
    authority, authority_key = _pair(directory, AUTHORITY)
    if not authority_key.exists():
        raise CertificateError(
            f"{certificate} is missing and {authority_key} is not there to sign it. Put {certificate.name} and "
            f"{key.name} there, or take {authority.name} away to have an authority made."
        )
    signer = ("-CA", authority, "-CAkey", authority_key, "-set_serial", str(secrets.randbits(128)))
    with tempfile.TemporaryDirectory(dir=directory) as folder:
        new_certificate, new_key = _pair(Path(folder), server)
        request, extensions = Path(folder) / "request", Path(folder) / "extensions"
        extensions.write_text(EXTENSIONS.format(names=subject_names(names)))
        _openssl("req", "-new", *NEW_KEY, "-keyout", new_key, "-out", request, "-subj", f"/CN={server}")
        life = ("-days", str(SERVER_DAYS), "-extfile", extensions)
        _openssl("x509", "-req", "-in", request, *signer, *life, "-out", new_certificate)
        new_key.replace(key)
        new_certificate.replace(certificate)
    return True


def _keystore(directory: Path, password: Path) -> bytes:
    """Return Kafka's certificate and key, with the authority's certificate, in PKCS #12."""
    certificate, key = _pair(directory, "kafka")
    chain = ("-certfile", directory / f"{AUTHORITY}.crt", "-name", "kafka", "-passout", f"file:{password}")
    return _openssl("pkcs12", "-export", "-in", certificate, "-inkey", key, *chain)


def _pair(directory: Path, name: str) -> tuple[Path, Path]:
    return directory / f"{name}.crt", directory / f"{name}.key"


def _told_of(certificate: Path, *options: str) -> str:
    """Return what OpenSSL says of a certificate; nothing where it cannot read it."""
    command = ["openssl", "x509", "-noout", "-in", str(certificate), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _still_valid(certificate: Path, seconds: str) -> bool:
    """Tell whether a certificate will not have ended in so many seconds."""
    command = ["openssl", "x509", "-checkend", seconds, "-noout", "-in", str(certificate)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _openssl(*arguments: str | Path) -> bytes:
    command = ["openssl", *map(str, arguments)]
    try:
        return subprocess.run(command, capture_output=True, check=True).stdout
    except FileNotFoundError as error:
        raise CertificateError("The program openssl is missing. Install it and start again.") from error
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        raise CertificateError(
            f"openssl {arguments[0]} failed ({reason[-1]}). Look at the files it was given."
        ) from error


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def run(chosen: argparse.Namespace) -> None:
    """Make, hand out, and warn of what ends soon, lacks a name, or is read by nobody before a restart."""
    asked = {"site": chosen.site_names, "kafka": chosen.kafka_names}
    names = names_of({server: tuple(filter(None, text.split(","))) for server, text in asked.items()})
    made = make_missing(chosen.directory, names)
    print(f"Certificates made: {', '.join(made) or 'none'}.")
    hand_out(chosen.directory, chosen.secrets, chosen.hand_out, chosen.authority)
    if AUTHORITY not in made and (stale := [server for server in READ_ONCE if server in made]):
        print(f"warning: one that runs goes on with its old certificate until: {RESTART} {' '.join(stale)}")
    for server in SERVERS:
        if missing := unnamed(chosen.directory / f"{server}.crt", names[server]):
            print(
                f"warning: {server}.crt is of another authority and not for {', '.join(missing)}. Have it signed anew."
            )
    for name in about_to_end(chosen.directory):
        print(f"warning: {name}.crt ends within {RENEW_BEFORE_DAYS} days. Remove it to have another one made.")


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and do it; return the exit code."""
    parser = cli.parser("python -m deploy.certificates", __doc__)
    folders = {
        "--directory": "where all certificates and keys are",
        "--secrets": "where the secrets are, for the password of Kafka's keystore",
        "--hand-out": "holds one folder for each server",
        "--authority": "where the certificate that clients trust goes",
    }
    for name, text in folders.items():
        parser.add_argument(name, type=Path, required=True, metavar="DIR", help=text)
    parser.add_argument("--site-names", default="", metavar="A,B", help="host names of the site beside localhost")
    parser.add_argument("--kafka-names", default="", metavar="A,B", help="those that senders know Kafka by")
    os.umask(0o022)
    return cli.run(parser, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
