"""The manifests run what compose.yaml runs, in the same way: a change of one that the other lacks fails here."""

from __future__ import annotations

from pathlib import Path

import pytest

from conf.settings import PREFIX, SECRETS, SettingsError, load_settings
from deploy.secrets import CONSUMERS, all_names, hand_out, make_missing
from tests.unit.deploy.compose import VARIANTS, environment_of, load, mounts, ours, read
from tests.unit.deploy.kubernetes.manifests import (
    DOCUMENTS,
    EXECUTOR,
    Workload,
    example_settings,
    find,
    quantity,
    workloads,
)
from tests.unit.deploy.rules import VOLUME_OF

SERVICES = dict(ours(load(*VARIANTS["tls"])))
NOT_HERE = {
    "secrets": "commands of the docs make the Secrets",
    "certificates": "Kafka, Elasticsearch and the Ingress have theirs",
    "kibana-import": "there is no Kibana here: python -m kibana.importer, by hand",
    "spark-master": "Kubernetes itself starts executors",
    "spark-worker": "the same",
}
SAME = sorted(set(SERVICES) - set(NOT_HERE))
OF_THE_PLACE = {  # lines of the overlay's settings
    "BP_KAFKA_BOOTSTRAP_SERVERS",
    "BP_KAFKA_SECURITY_PROTOCOL",
    "BP_KAFKA_SASL_MECHANISM",
    "BP_KAFKA_SSL_CA",
    "BP_ELASTICSEARCH_URL",
    "BP_ELASTICSEARCH_CA",
    "BP_ALERT_RULES",
    "BP_KIBANA_URL",
}
OTHERWISE = {
    "BP_WEB_CERTIFICATE": "the Ingress speaks TLS",
    "BP_WEB_KEY": "the same",
    "BP_INSECURE_DEMO": "the same",
    "BP_SPARK_MASTER": "Kubernetes is the master",
}


def written(name: str) -> dict[str, str]:
    """Return the variables of a service but the settings whose value is asked of .env."""
    raw: dict[str, str] = {}
    for file in VARIANTS["tls"]:
        raw |= environment_of(read(file)["services"].get(name, {}))
    asked = {key for key, value in raw.items() if key.startswith(PREFIX) and "${" in value}
    return {key: value for key, value in environment_of(SERVICES[name]).items() if key not in asked}


def folders_of(workload: Workload) -> dict[str, tuple[str, bool]]:
    """Return volume and whether it can be written, by folder; what a pod has for itself by the volume's name."""
    return {
        folder: (volume.get("persistentVolumeClaim", {}).get("claimName", volume["name"]), can_write)
        for volume, folder, can_write in workload.mounts()
    }


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def test_every_service_of_ours_is_here_or_has_a_reason_not_to_be() -> None:
    assert {workload.name for workload in workloads(DOCUMENTS)} - {EXECUTOR} == set(SAME)


@pytest.mark.parametrize("name", SAME)
def test_the_command_is_the_same(name: str) -> None:
    assert find(DOCUMENTS, name).command == SERVICES[name]["command"]


@pytest.mark.parametrize("name", SAME)
def test_what_the_compose_files_set_is_set_here_or_left_to_the_overlay(name: str) -> None:
    here = find(DOCUMENTS, name).environment
    there = {key: value for key, value in written(name).items() if key not in OF_THE_PLACE | set(OTHERWISE)}
    assert {key: here.get(key) for key in there} == there
    assert set(here) - set(there) <= {"BP_SPARK_MASTER", "EXECUTOR_IMAGE"}


@pytest.mark.parametrize("name", SAME)
def test_limits_are_the_same(name: str) -> None:
    limits = find(DOCUMENTS, name).container["resources"]["limits"]
    memory = SERVICES[name]["mem_limit"]
    assert quantity(limits["memory"]) == quantity(memory.upper() + "i")
    assert quantity(limits["cpu"]) == float(SERVICES[name]["cpus"])


@pytest.mark.parametrize("name", SAME)
def test_health_is_asked_for_in_the_same_way_and_restarts_nothing(name: str) -> None:
    container, check = find(DOCUMENTS, name).container, SERVICES[name].get("healthcheck")
    probe = check and {
        "exec": {"command": check["test"][1:]},
        "periodSeconds": seconds(check["interval"]),
        "timeoutSeconds": seconds(check["timeout"]),
        "failureThreshold": check["retries"],
    }
    assert container.get("readinessProbe") == probe
    assert not {"livenessProbe", "startupProbe"} & set(container)


@pytest.mark.parametrize("name", SAME)
def test_who_is_told_to_end_has_the_same_time_for_it(name: str) -> None:
    grace = SERVICES[name].get("stop_grace_period")
    assert find(DOCUMENTS, name).pod.get("terminationGracePeriodSeconds") == (seconds(grace) if grace else None)


@pytest.mark.parametrize("name", SAME)
def test_volumes_are_at_the_same_folders(name: str) -> None:
    here = folders_of(find(DOCUMENTS, name))
    there = {target: (_named(source), can_write) for source, target, can_write in mounts(SERVICES[name])}
    assert {folder: it for folder, it in here.items() if folder not in ("/scratch", "/rules", "/executor")} == there


def _named(source: str) -> str:
    """Return the name of a volume of compose here: secrets are one for each workload, scratch is nobody else's."""
    return "secrets" if source.split("-")[0] == "secrets" else "spark" if source.startswith("spark-") else source


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the folders that the docs make Secrets of."""
    folder = tmp_path_factory.mktemp("secrets")
    make_missing(folder / "all", all_names())
    for name in CONSUMERS:
        (folder / "give" / name).mkdir(parents=True)
    hand_out(folder / "all", folder / "give")
    return folder / "give"


def variables(workload: Workload, secrets: Path) -> dict[str, str]:
    """Return what a pod of the example sees, with its Secret in this folder."""
    found = (example_settings() if "envFrom" in workload.container else {}) | workload.environment
    return {name: value.replace("@/secrets/", f"@{secrets}/") for name, value in found.items()}


@pytest.mark.parametrize("name", SAME)
def test_the_settings_of_each_pod_load_with_its_own_secrets(name: str, given: Path) -> None:
    workload, own = find(DOCUMENTS, name), given / VOLUME_OF.get(name, name)
    settings = load_settings(variables(workload, own), given / "no.env")
    assert settings.elasticsearch_user == workload.environment.get("BP_ELASTICSEARCH_USER")
    assert settings.kafka_username == workload.environment.get("BP_KAFKA_USERNAME")
    if settings.kafka_username:
        assert settings.kafka_security_protocol == "SASL_SSL"


def test_a_pod_without_its_secret_does_not_start(given: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(variables(find(DOCUMENTS, "webapp"), given / "prune"), given / "no.env")


def test_the_example_has_neither_secrets_nor_what_the_pods_are_told_anyway() -> None:
    fixed = {key for workload in workloads(DOCUMENTS) for key in workload.environment}
    assert not set(example_settings()) & (fixed | {PREFIX + name.upper() for name in SECRETS})
    assert set(example_settings()) <= OF_THE_PLACE | {"BP_TRUSTED_HOSTS", "BP_PROXY_HOPS"}
