"""Certificates are made once, are for their server alone, and real clients accept them."""

from __future__ import annotations

import argparse
import os
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conf.errors import UserError
from conf.ports import free_port, is_listening
from deploy import certificates
from deploy.certificates import CertificateError, about_to_end, make_missing, names_of, subject_names, unnamed
from deploy.secrets import all_names
from deploy.secrets import make_missing as make_secrets
from webapp.__main__ import options

ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl on this machine")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a whole set, handed out."""
    folder = tmp_path_factory.mktemp("tls")
    make_secrets(folder / "secrets", all_names())
    for server in certificates.SERVERS:
        (folder / "give" / server).mkdir(parents=True)
    (folder / "authority").mkdir()
    certificates.run(chosen(folder))
    return folder


def chosen(folder: Path, site_names: str = "ward.example.org", kafka_names: str = "") -> argparse.Namespace:
    return argparse.Namespace(
        directory=folder / "all",
        secrets=folder / "secrets",
        hand_out=folder / "give",
        authority=folder / "authority",
        site_names=site_names,
        kafka_names=kafka_names,
    )


def contents(directory: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in directory.iterdir()}


def handshake(folder: Path, server: str, name: str) -> None:
    """Make a TLS handshake in memory between a server with this certificate and a client that trusts the authority."""
    here = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    here.load_cert_chain(folder / "give" / server / f"{server}.crt", folder / "give" / server / f"{server}.key")
    there = ssl.create_default_context(cafile=folder / "authority" / "ca.crt")
    there.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = there.wrap_bio(to_client, to_server, server_hostname=name)
    answering = here.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(3):
        for side in (client, answering):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    client.do_handshake()


@pytest.mark.parametrize(
    ("server", "name"),
    [
        ("elasticsearch", "elasticsearch"),
        ("kibana", "kibana"),
        ("kafka", "localhost"),
        ("site", "127.0.0.1"),
        ("site", "ward.example.org"),
    ],
)
def test_a_client_that_trusts_the_authority_accepts_each_server_by_its_names(
    folder: Path, server: str, name: str
) -> None:
    handshake(folder, server, name)


def test_a_server_is_not_accepted_under_the_name_of_another(folder: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="not valid for 'kibana'"):
        handshake(folder, "elasticsearch", "kibana")


def test_a_second_start_makes_nothing_new(folder: Path) -> None:
    before = contents(folder / "all")
    assert make_missing(folder / "all", names_of({"site": ("ward.example.org",)})) == []
    assert contents(folder / "all") == before


def test_a_new_name_reaches_the_certificate_at_the_next_start(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    certificates.run(chosen(tmp_path, "ward.example.org,other.example.org", "kafka.example.org"))
    for server, name in {"site": "other.example.org", "kafka": "kafka.example.org"}.items():
        handshake(tmp_path, server, name)
    assert (tmp_path / "all" / "kibana.crt").read_bytes() == (folder / "all" / "kibana.crt").read_bytes()


def test_who_goes_on_with_an_old_certificate_is_told_with_the_command(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    for server in ("kafka", "site"):
        (tmp_path / "all" / f"{server}.crt").unlink()
    certificates.run(chosen(tmp_path))
    told = capsys.readouterr().out
    assert "Certificates made: kafka, site.\n" in told
    assert told.endswith("compose.tls.yaml restart kafka\n")
    certificates.run(chosen(tmp_path))
    assert capsys.readouterr().out == "Certificates made: none.\n"


@pytest.mark.parametrize("name", ["10.1.2.3", "::1", "*.example.org", ".example.org"])
def test_names_of_every_form_are_found_again(tmp_path: Path, name: str) -> None:
    names = names_of({"site": (name,)})
    assert make_missing(tmp_path, names) == ["ca", *certificates.SERVERS]
    assert make_missing(tmp_path, names) == []
    assert unnamed(tmp_path / "site.crt", ("webapp", "127.0.0.1", name, "ward.example.net")) == ["ward.example.net"]


def test_only_what_is_missing_is_made_anew_by_the_same_authority(folder: Path) -> None:
    (folder / "all" / "kibana.crt").unlink()
    authority = (folder / "all" / "ca.crt").read_bytes()
    assert make_missing(folder / "all", names_of({})) == ["kibana"]
    certificates.run(chosen(folder))
    assert (folder / "all" / "ca.crt").read_bytes() == authority
    handshake(folder, "kibana", "kibana")


def test_certificates_of_the_operator_are_handed_out_as_they_are(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    for file in ("site.crt", "site.key"):
        (tmp_path / "all" / file).chmod(0o600)
        (tmp_path / "all" / file).write_text(f"the operator's {file}")
    certificates.run(chosen(tmp_path))
    assert (tmp_path / "give" / "site" / "site.crt").read_text() == "the operator's site.crt"


def test_a_certificate_of_another_authority_without_a_wanted_name_is_kept_and_warned_of(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    theirs, key = (tmp_path / "all" / name for name in ("site.crt", "site.key"))
    names = "subjectAltName=DNS:webapp,DNS:localhost,IP:127.0.0.1,DNS:*.ward.example.org"
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "9", "-subj", "/CN=theirs"]
    command = ["openssl", "req", "-x509", *new, "-addext", names, "-out", str(theirs), "-keyout", str(key)]
    subprocess.run(command, check=True, capture_output=True)
    before = theirs.read_bytes()
    certificates.run(chosen(tmp_path, "north.ward.example.org,south.example.org"))
    assert theirs.read_bytes() == before
    assert "site.crt is of another authority and not for south.example.org." in capsys.readouterr().out


def test_an_authority_without_its_key_cannot_sign_and_is_told_so(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes((folder / "all" / "ca.crt").read_bytes())
    with pytest.raises(CertificateError, match=r"ca.key is not there to sign"):
        make_missing(tmp_path, names_of({}))


def test_no_server_gets_the_key_of_another_or_of_the_authority(folder: Path) -> None:
    for server in certificates.SERVERS:
        keys = {file.name for file in (folder / "give" / server).glob("*.key")}
        assert keys == {f"{server}.key"}
    assert [file.name for file in (folder / "authority").iterdir()] == ["ca.crt"]


def test_kafka_gets_a_keystore_that_opens_with_its_password(folder: Path) -> None:
    keystore, password = folder / "give" / "kafka" / "kafka.p12", folder / "secrets" / "kafka-keystore"
    command = ["openssl", "pkcs12", "-in", str(keystore), "-passin", f"file:{password}", "-nokeys"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert told.count("BEGIN CERTIFICATE") == 2


def test_what_ends_soon_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert about_to_end(folder / "all") == []
    monkeypatch.setattr(certificates, "RENEW_BEFORE_DAYS", certificates.SERVER_DAYS + 1)
    assert about_to_end(folder / "all") == list(certificates.SERVERS)


def test_names_and_addresses_are_told_apart() -> None:
    assert subject_names(("kafka", "127.0.0.1", "::1", "kafka")) == "DNS:kafka,IP:127.0.0.1,IP:::1"


@pytest.fixture
def site(folder: Path, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Return the environment of a site that runs with its certificate, beyond this machine, as in compose.tls.yaml."""
    given = folder / "give" / "site"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("BP_")},
        "PYTHONPATH": str(ROOT),
        "BP_LOCAL_DIR": str(tmp_path),
        "BP_WEB_HOST": "0.0.0.0",  # noqa: S104 - what is tested
        "BP_WEB_PORT": str(free_port()),
        "BP_WEB_CERTIFICATE": str(given / "site.crt"),
        "BP_WEB_KEY": str(given / "site.key"),
        "BP_TRUSTED_HOSTS": "ward.example.org",
        "BP_ELASTICSEARCH_URL": "http://127.0.0.1:9",
        "BP_SECRET_KEY": "s" * 48,
    }
    process = subprocess.Popen([sys.executable, "-m", "webapp"], cwd=tmp_path, env=environment)
    deadline_s = time.monotonic() + 60
    while not is_listening(int(environment["BP_WEB_PORT"])) and time.monotonic() < deadline_s:
        time.sleep(0.1)
    yield environment
    process.terminate()
    process.wait()


def test_the_site_speaks_tls_itself_and_its_health_check_sees_it(site: dict[str, str], tmp_path: Path) -> None:
    check = [sys.executable, "-m", "deploy.healthcheck", "site"]
    assert subprocess.run(check, env=site, cwd=tmp_path, check=False).returncode == 0
    plain = {name: value for name, value in site.items() if name not in ("BP_WEB_CERTIFICATE", "BP_WEB_KEY")}
    assert subprocess.run(check, env=plain, cwd=tmp_path, check=False, capture_output=True).returncode == 1


@pytest.mark.parametrize("name", ["web_certificate", "web_key"])
def test_half_a_pair_of_certificate_and_key_is_refused(folder: Path, name: str) -> None:
    from conf.settings import Settings

    half = Settings().model_copy(update={name: folder / "give" / "site" / "site.crt"})
    with pytest.raises(UserError, match="Set both or neither"):
        options(half)
