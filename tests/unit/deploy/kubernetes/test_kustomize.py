"""``kubectl apply -k`` takes the example overlay. Needs kubectl, which has kustomize in it, and no cluster."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.unit.deploy.compose import BASE, ROOT, load
from tests.unit.deploy.kubernetes import rules
from tests.unit.deploy.kubernetes.manifests import (
    EXAMPLE,
    FOLDER,
    Documents,
    find,
    of_kind,
    workloads,
)
from tests.unit.deploy.kubernetes.rules import RULES

IMAGE = "registry.example.org/blood-pressure-surveillance:0.1.0"
DOCS = ROOT / "docs" / "kubernetes.md"
BY_NAME = {rules.secrets_come_from_files}  # knows the ConfigMap without the sum of its content behind its name

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl on this machine")


def build(overlay: Path) -> Documents:
    """Return what would be applied."""
    done = subprocess.run(["kubectl", "kustomize", overlay], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


@pytest.fixture(scope="module")
def example() -> Documents:
    return build(EXAMPLE)


def test_everything_stands_in_the_namespace(example: Documents) -> None:
    (namespace,) = of_kind(example, "Namespace")
    assert {document["metadata"].get("namespace") for document in example if document is not namespace} == {
        namespace["metadata"]["name"]
    }


def test_what_was_built_keeps_the_rules(example: Documents) -> None:
    (template,) = (
        config["data"]["executor.yaml"] for config in of_kind(example, "ConfigMap") if "executor.yaml" in config["data"]
    )
    built = [*example, yaml.safe_load(template)]
    assert [fault for rule in RULES if rule not in BY_NAME for fault in rule(built)] == []


def test_one_line_names_the_image_of_all_pods_and_of_the_executors(example: Documents) -> None:
    assert {workload.container["image"] for workload in workloads(example)} == {IMAGE}
    assert find(example, "stream").environment["EXECUTOR_IMAGE"] == IMAGE


def test_a_change_of_the_settings_starts_the_pods_anew(example: Documents) -> None:
    (settings,) = (
        name for config in of_kind(example, "ConfigMap") if (name := config["metadata"]["name"]).startswith("settings-")
    )
    told = {source["configMapRef"]["name"] for it in workloads(example) for source in it.container.get("envFrom", [])}
    assert told == {settings}


def test_the_examples_changes_arrive(example: Documents) -> None:
    assert find(example, "setup").command[-1] == "--replication=3"
    assert find(example, "prune").command[-1] == "--delete"
    assert {claim["spec"]["storageClassName"] for claim in of_kind(example, "PersistentVolumeClaim")} == {"shared"}


def test_lines_that_stand_in_comment_work_when_they_are_taken_in(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "kubernetes")
    overlay = tmp_path / "kubernetes" / EXAMPLE.relative_to(FOLDER)
    chosen = re.sub(
        r"^  # - ", "  - ", (overlay / "kustomization.yaml").read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    (overlay / "kustomization.yaml").write_text(chosen, encoding="utf-8")
    built = build(overlay)
    assert len(list(of_kind(built, "Ingress"))) == 1
    assert find(built, "producer").container["image"] == IMAGE


def test_patches_of_the_docs_fit_the_example(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "kubernetes")
    overlay = tmp_path / "kubernetes" / EXAMPLE.relative_to(FOLDER)
    patches = re.findall(r"^```yaml\n(.+?)^```$", DOCS.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    with (overlay / "kustomization.yaml").open("a", encoding="utf-8") as file:
        file.writelines(patches)
    stream = find(build(overlay), "stream")
    assert stream.environment["BP_PSEUDONYM_KEY"] == "@/secrets/pseudonym-key"
    assert (stream.environment["BP_SPARK_MASTER"], stream.command) == (
        "local[2]",
        load(BASE)["services"]["stream"]["command"],
    )
    assert stream.spark_settings == {}
