"""The manifests keep the published schemas and the rules of `rules.py`; each check finds the defect that it is for."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import kubernetes_validate
import pytest

from tests.unit.deploy.kubernetes import rules
from tests.unit.deploy.kubernetes.manifests import (
    DOCUMENTS,
    EXAMPLE,
    FILES,
    FOLDER,
    Document,
    Documents,
    find,
    of_kind,
    read,
)
from tests.unit.deploy.kubernetes.rules import RULES, Rule
from tests.unit.deploy.test_lints import YAMLLINT, complaint

OLDEST = "1.27"  # the first with all that is used here, such as endPort in its final form
VERSIONS = (OLDEST, kubernetes_validate.latest_version().removesuffix(".0"))
PARTS = [path for path in FILES if EXAMPLE not in path.parents]

Defect = Callable[[Documents], object]


def container(documents: Documents, name: str) -> Document:
    return find(documents, name).container


def environment(documents: Documents, name: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = container(documents, name)["env"]
    return entries


def named(documents: Documents, kind: str, name: str) -> Document:
    return next(document for document in of_kind(documents, kind) if document["metadata"]["name"] == name)


def label(document: Document) -> str:
    return f"{document['kind']} {document['metadata'].get('name', 'executor')}"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("document", DOCUMENTS, ids=label)
def test_each_document_keeps_the_published_schema(document: Document, version: str) -> None:
    assert kubernetes_validate.validate(document, version, strict=True) == version


@pytest.mark.parametrize(
    ("plant", "complaint"),
    [
        (lambda stream: stream["spec"].update(replica=1), "'replica' was unexpected"),
        (lambda stream: stream["spec"].update(replicas="one"), "'one' is not of type"),
        (lambda stream: stream["spec"].pop("selector"), "'selector' is a required property"),
        (lambda stream: find([stream], "stream").pod["containers"][0].update(env={"A": "b"}), "is not of type"),
        (lambda stream: find([stream], "stream").pod["volumes"][0].update(emptyDirs={}), "'emptyDirs' was unexpected"),
    ],
)
def test_a_misspelt_key_or_a_wrong_type_is_against_the_schema(
    plant: Callable[[Document], object], complaint: str
) -> None:
    broken = copy.deepcopy(named(DOCUMENTS, "Deployment", "stream"))
    plant(broken)
    with pytest.raises(kubernetes_validate.ValidationError, match=complaint):
        kubernetes_validate.validate(broken, OLDEST, strict=True)


def test_yaml_is_written_without_traps() -> None:
    assert complaint(*YAMLLINT, FOLDER) == ""


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_manifests_keep_each_rule(rule: Rule) -> None:
    assert list(rule(DOCUMENTS)) == []


DEFECTS: list[tuple[Rule, Defect, str]] = [
    (
        rules.nobody_is_root,
        lambda all_: find(all_, "setup").pod["securityContext"].pop("runAsNonRoot"),
        "setup has runAsNonRoot None",
    ),
    (
        rules.nobody_is_root,
        lambda all_: container(all_, "webapp")["securityContext"].update(runAsUser=0),
        "the container of webapp has a runAsUser of its own",
    ),
    (
        rules.rights_are_dropped,
        lambda all_: container(all_, "executor")["securityContext"].pop("readOnlyRootFilesystem"),
        "executor keeps rights",
    ),
    (
        rules.rights_are_dropped,
        lambda all_: container(all_, "alerts")["securityContext"].update(privileged=True),
        "alerts keeps rights",
    ),
    (
        rules.rights_are_dropped,
        lambda all_: find(all_, "prune").pod["securityContext"].pop("seccompProfile"),
        "prune may call anything",
    ),
    (rules.rights_are_dropped, lambda all_: find(all_, "canary").pod.update(hostPID=True), "has hostPID"),
    (
        rules.rights_are_dropped,
        lambda all_: find(all_, "canary").pod["volumes"].append({"name": "disk", "hostPath": {"path": "/"}}),
        "canary has the volume disk of another kind",
    ),
    (
        rules.only_the_stream_has_a_token,
        lambda all_: find(all_, "executor").pod.pop("automountServiceAccountToken"),
        "executor is given the token",
    ),
    (
        rules.only_the_stream_has_a_token,
        lambda all_: find(all_, "webapp").pod.update(serviceAccountName="stream"),
        "webapp runs under another account",
    ),
    (
        rules.the_streams_account_may_handle_pods_and_nothing_else,
        lambda all_: named(all_, "Role", "stream")["rules"][0].update(resources=["pods", "secrets"]),
        "the role stream has",
    ),
    (
        rules.the_streams_account_may_handle_pods_and_nothing_else,
        lambda all_: named(all_, "Role", "stream").update(kind="ClusterRole"),
        "stream is a ClusterRole",
    ),
    (
        rules.no_variable_of_the_cluster_can_pass_for_a_setting,
        lambda all_: find(all_, "alerts").pod.pop("enableServiceLinks"),
        "alerts has variables for services",
    ),
    (
        rules.every_setting_is_known,
        lambda all_: environment(all_, "webapp").append({"name": "BP_LANGAUGE", "value": "fr"}),
        "BP_LANGAUGE, which is no setting",
    ),
    (
        rules.secrets_come_from_files,
        lambda all_: environment(all_, "stream").append({"name": "BP_PSEUDONYM_KEY", "value": "k" * 32}),
        "stream has a secret in BP_PSEUDONYM_KEY",
    ),
    (
        rules.secrets_come_from_files,
        lambda all_: environment(all_, "stream").append({"name": "A", "valueFrom": {"secretKeyRef": {}}}),
        "stream has a secret in A",
    ),
    (
        rules.secrets_come_from_files,
        lambda all_: container(all_, "stream")["envFrom"].append({"secretRef": {"name": "secrets-stream"}}),
        "stream has variables from",
    ),
    (
        rules.each_workload_sees_its_own_secrets,
        lambda all_: find(all_, "webapp").pod["volumes"][1]["secret"].update(secretName="secrets-setup"),
        "webapp has secrets-setup",
    ),
    (
        rules.each_workload_sees_its_own_secrets,
        lambda all_: find(all_, "webapp").pod["volumes"][1]["secret"].pop("defaultMode"),
        "webapp lets others read",
    ),
    (
        rules.each_workload_sees_its_own_secrets,
        lambda all_: environment(all_, "canary").append({"name": "A", "value": "@/secrets/elastic"}),
        "canary is told to read /secrets/elastic",
    ),
    (
        rules.everything_has_limits,
        lambda all_: container(all_, "monitor")["resources"].pop("limits"),
        "monitor asks for",
    ),
    (
        rules.everything_has_limits,
        lambda all_: container(all_, "monitor")["resources"]["requests"].update(memory="5Gi"),
        "monitor asks for 5Gi of memory",
    ),
    (
        rules.everything_has_limits,
        lambda all_: find(all_, "monitor").pod["volumes"][0]["emptyDir"].pop("sizeLimit"),
        "monitor may fill the node by scratch",
    ),
    (
        rules.what_is_mounted_is_there,
        lambda all_: find(all_, "stream").pod["volumes"].pop(),
        "stream mounts nothing at /data/models",
    ),
    (
        rules.what_is_mounted_is_there,
        lambda all_: container(all_, "stream")["volumeMounts"].pop(),
        "stream does not mount models",
    ),
    (
        rules.what_is_mounted_is_there,
        lambda all_: all_.remove(named(all_, "PersistentVolumeClaim", "site")),
        "nobody asks for the volume site",
    ),
    (
        rules.what_is_mounted_is_there,
        lambda all_: find(all_, "alerts").pod["volumes"][0]["emptyDir"].pop("medium"),
        "alerts has no /scratch in memory",
    ),
    (
        rules.what_several_pods_mount_can_be_on_several_nodes,
        lambda all_: named(all_, "PersistentVolumeClaim", "models")["spec"].update(accessModes=["ReadWriteOnce"]),
        "is not ReadWriteMany",
    ),
    (
        rules.labels_are_names,
        lambda all_: find(all_, "canary").template["metadata"]["labels"].update(app="canari"),
        "canary has pods with {'app': 'canari'}",
    ),
    (
        rules.one_shots_end_and_the_rest_comes_back,
        lambda all_: find(all_, "setup").pod.update(restartPolicy="OnFailure"),
        "setup is started again",
    ),
    (
        rules.one_shots_end_and_the_rest_comes_back,
        lambda all_: find(all_, "prune").document["spec"].pop("concurrencyPolicy"),
        "prune may run twice",
    ),
    (
        rules.one_shots_end_and_the_rest_comes_back,
        lambda all_: find(all_, "stream").document["spec"].update(replicas=2),
        "stream may run twice",
    ),
    (
        rules.one_shots_end_and_the_rest_comes_back,
        lambda all_: find(all_, "alerts").document["spec"]["strategy"].pop("type"),
        "alerts has a strategy without a type",
    ),
    (
        rules.nobody_is_reached_unless_a_policy_says_from_where,
        lambda all_: all_.remove(named(all_, "NetworkPolicy", "default-deny")),
        "nothing forbids",
    ),
    (
        rules.nobody_is_reached_unless_a_policy_says_from_where,
        lambda all_: named(all_, "NetworkPolicy", "webapp")["spec"]["ingress"][0].pop("from"),
        "webapp lets anybody in",
    ),
    (
        rules.nobody_is_reached_unless_a_policy_says_from_where,
        lambda all_: named(all_, "Service", "webapp")["spec"].update(type="NodePort"),
        "the service webapp is a NodePort",
    ),
    (
        rules.each_server_is_reached_by_those_that_are_told_of_it,
        lambda all_: environment(all_, "webapp").append({"name": "BP_KAFKA_USERNAME", "value": "a"}),
        "webapp cannot reach kafka",
    ),
    (
        rules.driver_and_executors_find_each_other,
        lambda all_: container(all_, "stream").update(ports=[{"containerPort": 7078}]),
        "the driver listens on [7078, 7079]",
    ),
    (
        rules.driver_and_executors_find_each_other,
        lambda all_: named(all_, "NetworkPolicy", "stream")["spec"]["ingress"][0]["ports"][0].update(endPort=7080),
        "executors may call the driver at",
    ),
    (
        rules.driver_and_executors_find_each_other,
        lambda all_: find(all_, "stream").pod["containers"][0].update(image="other:1"),
        "executors have another image",
    ),
    (
        rules.driver_and_executors_find_each_other,
        lambda all_: container(all_, "executor")["volumeMounts"].pop(),
        "executors do not write",
    ),
]


@pytest.mark.parametrize(("rule", "defect", "complaint"), DEFECTS, ids=lambda part: getattr(part, "__name__", None))
def test_each_rule_finds_the_defect_that_it_is_for(rule: Rule, defect: Defect, complaint: str) -> None:
    broken = copy.deepcopy(DOCUMENTS)
    defect(broken)
    assert [fault for fault in rule(broken) if complaint in fault]


def test_every_rule_has_a_planted_defect() -> None:
    assert {rule for rule, _, _ in DEFECTS} == set(RULES)


def test_nothing_listens_for_the_world_until_it_is_asked_for() -> None:
    listed = (EXAMPLE / "kustomization.yaml").read_text(encoding="utf-8").splitlines()
    assert [kind for document in read(*PARTS) if (kind := document["kind"]) == "Ingress"] == []
    assert [line for line in listed if "ingress.yaml" in line and not line.lstrip().startswith("#")] == []
