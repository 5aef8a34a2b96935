"""The containers keep the rules of `rules.py`, and each rule finds the defect that it is for."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Callable
from typing import Any

import pytest

from deploy.secrets import CONSUMERS, KAFKA_LOGINS
from tests.unit.deploy import rules
from tests.unit.deploy.compose import (
    BASE,
    ROOT,
    TLS,
    VARIANTS,
    MissingVariableError,
    Model,
    in_memory,
    interpolate,
    load,
    mounts,
    ours,
    read,
    variables,
)
from tests.unit.deploy.rules import RULES, Rule

Services = dict[str, Any]
Defect = Callable[[Services], object]


@pytest.fixture(params=VARIANTS)
def model(request: pytest.FixtureRequest) -> Model:
    return load(*VARIANTS[request.param])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_containers_keep_each_rule(model: Model, rule: Rule) -> None:
    assert list(rule(model)) == []


DEFECTS: list[tuple[Rule, Defect, str]] = [
    (
        rules.what_must_be_healthy_has_a_health_check,
        lambda services: services["kafka"].pop("healthcheck"),
        "setup waits for kafka to be healthy",
    ),
    (
        rules.one_shots_end_and_the_rest_comes_back,
        lambda services: services["setup"].update(restart="always"),
        "setup has restart 'always'",
    ),
    (
        rules.one_shots_end_and_the_rest_comes_back,
        lambda services: services["webapp"].pop("restart"),
        "webapp has restart None",
    ),
    (
        rules.images_are_of_one_version,
        lambda services: services["kafka"].update(image="apache/kafka:latest"),
        "whose version is open",
    ),
    (
        rules.images_are_of_one_version,
        lambda services: services["kafka"].update(image="apache/kafka"),
        "whose version is open",
    ),
    (
        rules.each_image_is_built_by_exactly_one_service,
        lambda services: services["webapp"].update(build={"context": "."}),
        "is built by secrets, webapp, not by one service",
    ),
    (
        rules.each_image_is_built_by_exactly_one_service,
        lambda services: services["secrets"].pop("build"),
        "is built by nobody",
    ),
    (
        rules.each_image_is_built_by_exactly_one_service,
        lambda services: services["webapp"].pop("pull_policy"),
        "webapp may ask a registry",
    ),
    (
        rules.no_secret_is_written_down,
        lambda services: services["elasticsearch"]["environment"].update(ELASTIC_PASSWORD="changeme"),
        "elasticsearch has a secret in ELASTIC_PASSWORD",
    ),
    (
        rules.ports_are_for_this_machine,
        lambda services: services["webapp"].update(ports=["5000:5000"]),
        "webapp publishes 5000:5000",
    ),
    (
        rules.ports_are_for_this_machine,
        lambda services: services["webapp"].update(ports=["0.0.0.0:5000:5000"]),
        "webapp publishes",
    ),
    (
        rules.volumes_are_declared_and_used,
        lambda services: services["webapp"]["volumes"].append("sites:/data"),
        "the volume sites is not declared",
    ),
    (
        rules.volumes_are_declared_and_used,
        lambda services: services["producer"].pop("volumes"),
        "the volume producer is used by nobody",
    ),
    (
        rules.no_volume_is_without_a_name,
        lambda services: services["spark-worker"]["volumes"].append("/spark"),
        "spark-worker has a volume without a name at /spark",
    ),
    (
        rules.no_volume_is_without_a_name,
        lambda services: services["kafka"]["volumes"].pop(),
        "kafka leaves /mnt/shared/config to its image",
    ),
    (
        rules.folders_in_memory_have_their_mode_in_the_image,
        lambda services: services["stream"].update(tmpfs=["/scratch:exec,size=512m,mode=755"]),
        "stream wants /scratch with exec,size=512m,mode=755",
    ),
    (
        rules.folders_in_memory_have_their_mode_in_the_image,
        lambda services: services["stream"].update(tmpfs=["/elsewhere:exec,mode=1777"]),
        "stream wants /elsewhere",
    ),
    (rules.nobody_is_root, lambda services: services["stream"].update(user="0:0"), "stream runs as 0:0"),
    (rules.nobody_is_root, lambda services: services["kibana"].pop("user"), "kibana runs as whoever its image says"),
    (
        rules.nothing_is_written_beside_volumes,
        lambda services: services["webapp"].update(read_only=False),
        "webapp may write into its image",
    ),
    (rules.rights_are_dropped, lambda services: services["kafka"].pop("cap_drop"), "kafka keeps rights"),
    (rules.rights_are_dropped, lambda services: services["kafka"].pop("security_opt"), "kafka keeps rights"),
    (rules.rights_are_dropped, lambda services: services["setup"].update(cap_add=["CHOWN"]), "setup is given rights"),
    (rules.rights_are_dropped, lambda services: services["setup"].update(privileged=True), "setup is given rights"),
    (rules.everything_has_limits, lambda services: services["kibana"].pop("mem_limit"), "kibana has no mem_limit"),
    (
        rules.heaps_leave_half_of_the_memory,
        lambda services: services["elasticsearch"].update(mem_limit="1g"),
        "elasticsearch has a heap",
    ),
    (
        rules.health_checks_have_time_on_a_busy_machine,
        lambda services: services["kafka"]["healthcheck"].update(timeout="10s"),
        "kafka has 10s for its health check",
    ),
    (
        rules.health_checks_use_programs_of_the_image,
        lambda services: services["kafka"]["healthcheck"].update(test=["CMD-SHELL", "true && nc -z localhost 9092"]),
        "kafka checks its health with nc",
    ),
    (
        rules.each_service_sees_its_own_secrets,
        lambda services: services["webapp"]["volumes"].append("secrets:/all:ro"),
        "webapp sees the volume secrets",
    ),
    (
        rules.each_service_sees_its_own_secrets,
        lambda services: services["webapp"]["environment"].update(BP_ELASTICSEARCH_PASSWORD="@/secrets/elastic"),
        "webapp is told to read @/secrets/elastic",
    ),
    (
        rules.each_service_that_is_given_secrets_has_them_made,
        lambda services: services["secrets"]["volumes"].remove("secrets-site:/give/site"),
        "webapp takes secrets-site, which nobody fills",
    ),
    (
        rules.each_service_that_is_given_secrets_has_them_made,
        lambda services: services["setup"].update(volumes=["secrets:/secrets"]),
        "setup may write into secrets",
    ),
    (
        rules.every_setting_is_known,
        lambda services: services["webapp"]["environment"].update(BP_LANGAUGE="fr"),
        "BP_LANGAUGE, which is no setting",
    ),
    (
        rules.every_setting_reaches_a_service,
        lambda services: services["webapp"]["environment"].pop("BP_DAY_HOURS"),
        "no service in compose.yaml is given BP_DAY_HOURS",
    ),
    (
        rules.secrets_come_from_files,
        lambda services: services["stream"]["environment"].update(BP_PSEUDONYM_KEY="/secrets/pseudonym-key"),
        "stream has BP_PSEUDONYM_KEY in its environment",
    ),
]


@pytest.mark.parametrize(("rule", "defect", "complaint"), DEFECTS, ids=lambda part: getattr(part, "__name__", None))
def test_each_rule_finds_the_defect_that_it_is_for(rule: Rule, defect: Defect, complaint: str) -> None:
    broken = copy.deepcopy(load(BASE))
    defect(broken["services"])
    assert [fault for fault in rule(broken) if complaint in fault]


def test_every_rule_has_a_planted_defect() -> None:
    assert {rule for rule, _, _ in DEFECTS} == set(RULES)


@pytest.mark.parametrize("file", [BASE, TLS], ids=lambda file: file.name)
def test_every_variable_is_in_the_example_file(file: Any) -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    named = {line.lstrip("#").split("=")[0] for line in example.splitlines() if "=" in line}
    assert variables(file) - named == set()


def test_a_file_that_was_not_copied_is_named_by_the_remedy() -> None:
    with pytest.raises(MissingVariableError):
        load(BASE, environment={})
    assert "${STACK_VERSION:?copy .env.example to .env}" in BASE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("${A}", "1"),
        ("${B:-two}", "two"),
        ("${B:-http://${A}:${C:-3}}", "http://1:3"),
        ("$${A}", "${A}"),
        ("${B:-}", ""),
        ("$$(cat x)", "$(cat x)"),
    ],
)
def test_variables_are_replaced_as_compose_does(text: str, result: str) -> None:
    assert interpolate(text, {"A": "1"}) == result


def test_our_image_has_the_version_of_the_project() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert {service["image"] for _, service in ours(load(*VARIANTS["tls"]))} == {
        f"blood-pressure-surveillance:{version}"
    }


def test_the_example_file_starts_the_demo_and_nothing_heavy() -> None:
    profiles = {name: service["profiles"] for name, service in load(BASE)["services"].items() if "profiles" in service}
    assert "COMPOSE_PROFILES=demo" in (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    assert [name for name, chosen in profiles.items() if chosen == ["demo"]] == ["producer"]


def test_with_tls_nothing_but_kafkas_own_loopback_speaks_in_clear() -> None:
    services = load(BASE, TLS)["services"]
    listeners = dict(item.split("://") for item in services["kafka"]["environment"]["KAFKA_LISTENERS"].split(","))
    protocols = dict(
        item.split(":") for item in services["kafka"]["environment"]["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(",")
    )
    in_clear = {name: place for name, place in listeners.items() if protocols[name] == "PLAINTEXT"}
    assert all(place.startswith("localhost:") for place in in_clear.values())
    plain = [
        f"{name}: {value}"
        for name, service in services.items()
        for value in service.get("environment", {}).values()
        if str(value).startswith("http://")
    ]
    assert plain == []
    assert services["webapp"]["environment"]["BP_INSECURE_DEMO"] == "false"


def test_every_client_of_the_tls_variant_has_the_authority() -> None:
    for name, service in load(BASE, TLS)["services"].items():
        trusts = [value for value in service.get("environment", {}).values() if str(value) == "/ca/ca.crt"]
        if trusts:
            assert ("authority", "/ca", False) in list(mounts(service)), name


def test_a_volume_of_the_overlay_takes_the_place_of_what_is_mounted_there() -> None:
    targets = [target for _, target, _ in mounts(load(BASE, TLS)["services"]["kafka"])]
    assert targets.count("/etc/kafka/secrets") == 1
    assert "/etc/kafka/secrets" not in in_memory(load(BASE, TLS)["services"]["kafka"])


def test_kafka_finds_its_logins_where_the_secrets_are_handed_out() -> None:
    kafka = load(BASE, TLS)["services"]["kafka"]
    assert ("secrets-kafka", "/etc/kafka/secrets", False) in list(mounts(kafka))
    assert kafka["environment"]["KAFKA_OPTS"].endswith(f"=/etc/kafka/secrets/{KAFKA_LOGINS}")
    assert KAFKA_LOGINS in CONSUMERS["kafka"].made


def test_the_overlay_names_the_same_project() -> None:
    assert read(BASE)["name"] == read(TLS)["name"]
