"""A real API server takes the manifests, and gives the stream's account what it needs and nothing else."""

from __future__ import annotations

import copy
import re

import pytest

from tests.kubernetes.api_server import ApiServer
from tests.kubernetes.conftest import NAMESPACE
from tests.unit.deploy.kubernetes.manifests import DOCUMENTS, EXAMPLE, find, workloads
from tests.unit.deploy.kubernetes.rules import DRIVER_VERBS

STREAM = f"system:serviceaccount:{NAMESPACE}:stream"
BUDGET = "poddisruptionbudget.policy/alerts"  # kubectl sends the selector of any of these each time


def pod_of(name: str) -> dict[str, object]:
    """Return a pod as the controller of its workload makes it."""
    workload = find(DOCUMENTS, name)
    metadata = {"name": name, "namespace": NAMESPACE, "labels": workload.template["metadata"]["labels"]}
    specification = copy.deepcopy(workload.pod)
    specification["containers"][0].setdefault("image", "blood-pressure-surveillance:0.1.0")
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": specification}


def test_the_server_takes_the_example_without_a_warning_and_a_second_time_changes_nothing(applied: ApiServer) -> None:
    again = applied.kubectl("apply", "-k", EXAMPLE, "--dry-run=server")
    assert (again.returncode, again.stderr) == (0, "")
    assert [line.split()[0] for line in again.stdout.splitlines() if "unchanged" not in line] == [BUDGET]


@pytest.mark.parametrize("name", [workload.name for workload in workloads(DOCUMENTS)])
def test_pods_are_admitted_where_only_restricted_ones_are(applied: ApiServer, name: str) -> None:
    done = applied.kubectl("create", "--dry-run=server", "-f", "-", given=[pod_of(name)])
    assert (done.returncode, done.stderr) == (0, "")


def test_a_pod_with_rights_is_refused_there(applied: ApiServer) -> None:
    pod = pod_of("webapp")
    find([pod], "webapp").container.pop("securityContext")
    done = applied.kubectl("create", "--dry-run=server", "-f", "-", given=[pod])
    assert "violates PodSecurity" in done.stderr


def rights(server: ApiServer, account: str, namespace: str) -> dict[str, set[str]]:
    """Return the verbs that an account may use, by resource, but for asking what it may do."""
    options = ("--list", "--no-headers", "-n", namespace, "--as", f"system:serviceaccount:{NAMESPACE}:{account}")
    rows = re.findall(r"^(\S+) +\[\] +\[\] +\[(.*)\]$", server.told("auth", "can-i", *options), flags=re.MULTILINE)
    return {resource: set(verbs.split()) for resource, verbs in rows if not resource.startswith("selfsubject")}


def test_the_streams_account_may_handle_pods_of_its_namespace_and_nothing_else(applied: ApiServer) -> None:
    assert rights(applied, "stream", NAMESPACE) == {"pods": DRIVER_VERBS}
    assert rights(applied, "stream", "default") == {}


def test_the_account_of_all_other_pods_may_do_nothing(applied: ApiServer) -> None:
    assert rights(applied, "default", NAMESPACE) == {}
