"""What each container is told works without one: its settings load, and lines of shell do what they are for."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from conf.settings import PREFIX, Settings, SettingsError, load_settings
from deploy.certificates import SERVERS
from deploy.secrets import CONSUMERS, all_names, hand_out, make_missing
from tests.unit.deploy.compose import VARIANTS, Model, environment_of, load, mounts, ours

SERVICES = [(variant, name) for variant, files in VARIANTS.items() for name, _ in ours(load(*files))]
ACCOUNTS = {
    "stream": "bp_stream",
    "alerts": "bp_alerts",
    "webapp": "bp_site",
    "retrain": "bp_retrain",
    "recalibrate": "bp_retrain",
    "loop": "bp_retrain",
    "monitor": "bp_retrain",
    "prune": "bp_prune",
    "kibana-import": "bp_kibana_import",
}


@pytest.fixture(scope="module")
def volumes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the volumes of secrets as folders, filled by the same program as in the container."""
    folder = tmp_path_factory.mktemp("volumes")
    make_missing(folder / "secrets", all_names())
    for name in CONSUMERS:
        (folder / "give" / name).mkdir(parents=True)
    hand_out(folder / "secrets", folder / "give")
    for name in CONSUMERS:
        (folder / "give" / name).rename(folder / f"secrets-{name}")
    for server in SERVERS:
        for kind in ("crt", "key"):
            (folder / f"secrets-{server}" / f"{server}.{kind}").write_text("PEM")
    return folder


def seen_by(service: Model, volumes: Path) -> dict[str, str]:
    """Return the environment of a service, with the folders of its own volumes of secrets where they are here."""
    found = environment_of(service)
    for source, target, _ in mounts(service):
        if source and (volumes / source).is_dir():
            found = {name: value.replace(f"{target}/", f"{volumes / source}/") for name, value in found.items()}
    return found


def settings_of(service: Model, volumes: Path) -> Settings:
    return load_settings(seen_by(service, volumes), volumes / "no.env")


@pytest.mark.parametrize(("variant", "name"), SERVICES)
def test_the_settings_of_each_service_load_with_its_own_volumes(variant: str, name: str, volumes: Path) -> None:
    settings = settings_of(load(*VARIANTS[variant])["services"][name], volumes)
    if name in ACCOUNTS:
        account = ACCOUNTS[name]
        assert settings.elasticsearch_user == account
        assert settings.elasticsearch_password is not None
        assert settings.elasticsearch_password.get_secret_value() == (volumes / "secrets" / account).read_text()
    uses_kafka = name in ("setup", "stream", "producer", "canary", "alerts") and variant == "tls"
    assert (settings.kafka_password is not None) == uses_kafka


def test_a_service_without_its_volume_does_not_start(volumes: Path) -> None:
    service = load(*VARIANTS["plain"])["services"]["webapp"]
    with pytest.raises(SettingsError, match="cannot be read"):
        settings_of({**service, "volumes": []}, volumes)


def test_what_stands_empty_keeps_its_default_and_what_is_set_arrives(volumes: Path) -> None:
    files, usual = VARIANTS["plain"], Settings()
    own = {"STACK_VERSION": "9.0.0", "KAFKA_VERSION": "4.0.0", "BP_MIN_READINGS": "20", "BP_LANGUAGE": "en"}
    for name in ("stream", "alerts", "webapp"):
        without = settings_of(load(*files)["services"][name], volumes)
        with_own = settings_of(load(*files, environment=own)["services"][name], volumes)
        assert (without.min_readings, without.language) == (usual.min_readings, usual.language)
        assert (with_own.min_readings == 20) == (name in ("stream", "alerts"))
        assert (with_own.language == "en") == (name == "webapp")


def test_a_pseudonym_key_is_used_only_when_asked_for(volumes: Path) -> None:
    own = {"STACK_VERSION": "9.0.0", "KAFKA_VERSION": "4.0.0", "BP_PSEUDONYM_KEY": "@/secrets/pseudonym-key"}
    files = VARIANTS["plain"]
    assert settings_of(load(*files)["services"]["stream"], volumes).pseudonym_key is None
    key = settings_of(load(*files, environment=own)["services"]["stream"], volumes).pseudonym_key
    assert key is not None
    assert key.get_secret_value() == (volumes / "secrets" / "pseudonym-key").read_text()


def test_no_service_learns_of_settings_that_it_does_not_use() -> None:
    for name in ("first-model", "secrets", "certificates", "spark-master", "spark-worker"):
        environment = environment_of(load(*VARIANTS["tls"])["services"][name])
        assert [key for key in environment if key.startswith(PREFIX)] == []


def fake(folder: Path, name: str, script: str) -> Path:
    """Write a program that stands in for one of the image."""
    program = folder / name
    program.write_text(f"#!/bin/bash\n{script}\n")
    program.chmod(0o755)
    return program


def test_kibana_starts_with_its_secrets_in_the_environment_and_not_in_its_arguments(
    volumes: Path, tmp_path: Path
) -> None:
    kibana = load(*VARIANTS["plain"])["services"]["kibana"]
    start = fake(tmp_path, "kibana-docker", 'echo "$KIBANA_SYSTEM_PASSWORD $KIBANA_ENCRYPTION_KEY|$*"')
    script = kibana["command"][0].replace("/usr/local/bin/kibana-docker", str(start))
    script = script.replace("/secrets/", f"{volumes}/secrets-kibana/")
    told = subprocess.run([*kibana["entrypoint"][2:], script], capture_output=True, text=True, check=True).stdout
    password, key = ((volumes / "secrets" / name).read_text() for name in ("kibana_system", "kibana-encryption-key"))
    assert told.strip() == f"{password} {key}|"


def test_kibana_does_not_start_without_its_secrets(tmp_path: Path) -> None:
    kibana = load(*VARIANTS["plain"])["services"]["kibana"]
    start = fake(tmp_path, "kibana-docker", "echo started")
    script = kibana["command"][0].replace("/usr/local/bin/kibana-docker", str(start))
    done = subprocess.run(
        [*kibana["entrypoint"][2:], script.replace("/secrets/", f"{tmp_path}/none/")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode != 0, done.stdout) == (True, "")


def test_kibanas_configuration_takes_both_secrets_from_the_environment() -> None:
    content = load(*VARIANTS["plain"])["configs"]["kibana"]["content"]
    assert "elasticsearch.password: ${KIBANA_SYSTEM_PASSWORD}" in content
    assert "encryptionKey: ${KIBANA_ENCRYPTION_KEY}" in content


@pytest.mark.parametrize("variant", VARIANTS)
def test_elasticsearchs_health_check_gives_the_password_through_a_pipe(
    variant: str, volumes: Path, tmp_path: Path
) -> None:
    check = load(*VARIANTS[variant])["services"]["elasticsearch"]["healthcheck"]["test"][1]
    fake(tmp_path, "curl", 'echo "$*"; cat')
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "secrets").symlink_to(volumes / "secrets-elasticsearch")
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-c", check], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    arguments, given = done.stdout.split("\n")
    password = (volumes / "secrets" / "elastic").read_text()
    assert given == f'user = "elastic:{password}"'
    assert password not in arguments
    assert arguments.endswith("_cluster/health?wait_for_status=yellow&timeout=5s")
    assert ("https://" in arguments) == ("--cacert /ca/ca.crt" in arguments) == (variant == "tls")
