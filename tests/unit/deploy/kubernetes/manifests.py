"""The manifests of deploy/kubernetes as the tests read them: documents, and the pods that they make."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from tests.unit.deploy.compose import ROOT

FOLDER: Final = ROOT / "deploy" / "kubernetes"
EXAMPLE: Final = FOLDER / "overlays" / "example"
OF_KUSTOMIZE: Final = ("kustomization.yaml", "images.yaml")
FILES: Final = sorted(path for path in FOLDER.rglob("*.yaml") if path.name not in OF_KUSTOMIZE)
EXECUTOR: Final = "executor"  # its pods are made by the stream
UNITS: Final = {"": 1.0, "m": 0.001, "Mi": 2.0**20, "Gi": 2.0**30}

Document = dict[str, Any]
Documents = list[Document]


def read(*files: Path) -> Documents:
    """Return the documents of these files."""
    return [document for file in files for document in yaml.safe_load_all(file.read_text(encoding="utf-8"))]


def of_kind(documents: Documents, kind: str) -> Iterator[Document]:
    """Yield the documents of one kind."""
    return (document for document in documents if document["kind"] == kind)


@dataclass(frozen=True)
class Workload:
    """Pods of one kind: what makes them, and how they are made. Each has one container."""

    document: Document
    template: Document

    @property
    def name(self) -> str:
        """Return its name, which is the label by which policies know its pods."""
        return str(self.document["metadata"].get("name", EXECUTOR))

    @property
    def pod(self) -> Document:
        """Return the pod's specification."""
        specification: Document = self.template["spec"]
        return specification

    @property
    def container(self) -> Document:
        """Return the only container."""
        container: Document
        (container,) = self.pod["containers"]
        return container

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables with a value that stands in the manifest."""
        return {entry["name"]: entry["value"] for entry in self.container.get("env", []) if "value" in entry}

    @property
    def command(self) -> list[str]:
        """Return command and arguments without Spark's settings."""
        words = [*self.container["command"], *self.container.get("args", [])]
        return [word for word in words if not word.startswith("--conf=")]

    @property
    def spark_settings(self) -> dict[str, str]:
        """Return the settings for Spark on the command line."""
        words = (word.removeprefix("--conf=") for word in self.container.get("args", []) if word.startswith("--conf="))
        return dict(word.split("=", 1) for word in words)

    def mounts(self) -> Iterator[tuple[Document, str, bool]]:
        """Yield volume (empty where there is none of the name), folder, and whether it can be written."""
        volumes = {volume["name"]: volume for volume in self.pod["volumes"]}
        for mount in self.container["volumeMounts"]:
            yield volumes.get(mount["name"], {}), mount["mountPath"], not mount.get("readOnly", False)


def workloads(documents: Documents) -> Iterator[Workload]:
    """Yield everything that makes pods."""
    for document in documents:
        if document["kind"] in ("Deployment", "Job"):
            yield Workload(document, document["spec"]["template"])
        elif document["kind"] == "CronJob":
            yield Workload(document, document["spec"]["jobTemplate"]["spec"]["template"])
        elif document["kind"] == "Pod":
            yield Workload(document, document)


def find(documents: Documents, name: str) -> Workload:
    """Return the workload of that name."""
    return next(workload for workload in workloads(documents) if workload.name == name)


def quantity(text: object) -> float:
    """Return a quantity such as ``500m`` or ``4Gi`` as a number."""
    match = re.fullmatch(r"(\d+)(m|Mi|Gi|)", str(text))
    assert match, text
    return int(match[1]) * UNITS[match[2]]


def example_settings() -> dict[str, str]:
    """Return the lines of the example's settings, those in comment, too."""
    text = (EXAMPLE / "settings.env").read_text(encoding="utf-8")
    return dict(re.findall(r"^#?(\w+)=(.*)$", text, flags=re.MULTILINE))


DOCUMENTS: Final = read(*FILES)
