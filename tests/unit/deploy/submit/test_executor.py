from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from deploy.submit.executor import BACKEND, command, main

ROOT = Path(__file__).resolve().parents[4]
TOLD = {  # what Spark puts into the pod's environment
    "SPARK_DRIVER_URL": "spark://CoarseGrainedScheduler@10.0.0.7:7078",
    "SPARK_EXECUTOR_ID": "3",
    "SPARK_EXECUTOR_CORES": "1",
    "SPARK_EXECUTOR_MEMORY": "1g",
    "SPARK_APPLICATION_ID": "spark-abc",
    "SPARK_EXECUTOR_POD_IP": "10.0.0.8",
    "SPARK_EXECUTOR_POD_NAME": "stream-exec-3",
    "SPARK_RESOURCE_PROFILE_ID": "0",
}


def test_the_backend_is_told_everything_that_the_pod_was_told() -> None:
    words = command(TOLD, ROOT)
    options = words[words.index(BACKEND) + 1 :]

    assert dict(zip(options[::2], options[1::2], strict=True)) == {
        "--driver-url": TOLD["SPARK_DRIVER_URL"],
        "--executor-id": "3",
        "--cores": "1",
        "--app-id": "spark-abc",
        "--hostname": "10.0.0.8",
        "--resourceProfileId": "0",
        "--podName": "stream-exec-3",
    }
    assert {"-Xms1g", "-Xmx1g"} < set(words[: words.index(BACKEND)])


def test_options_of_java_keep_their_order() -> None:
    options = {f"SPARK_JAVA_OPT_{number}": f"-Dn={number}" for number in (10, 9, 0)}

    assert [word for word in command(TOLD | options, ROOT) if word.startswith("-Dn")] == ["-Dn=0", "-Dn=9", "-Dn=10"]


def test_the_class_path_has_our_log_configuration_before_sparks_jars() -> None:
    words = command(TOLD, ROOT)
    first, jars = words[words.index("-cp") + 1].split(":")

    assert (Path(first) / "log4j2.properties").exists()
    assert list(Path(jars.removesuffix("/*")).glob("spark-kubernetes_*.jar"))


def test_it_works_in_the_scratch_folder_with_sparks_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    started: list[tuple[Path, dict[str, str]]] = []
    monkeypatch.chdir(ROOT)
    for name, value in (TOLD | {"SPARK_LOCAL_DIRS": f"{tmp_path},/other"}).items():
        monkeypatch.setenv(name, value)

    def exec_(_file: str, _words: list[str], environment: Any) -> None:
        started.append((Path.cwd(), environment))

    monkeypatch.setattr(os, "execvpe", exec_)
    assert main(["executor"]) == 0
    assert started[0][0] == tmp_path
    assert (Path(started[0][1]["SPARK_HOME"]) / "python" / "lib" / "pyspark.zip").exists()
    assert os.environ["SPARK_EXECUTOR_ID"] == "3"
