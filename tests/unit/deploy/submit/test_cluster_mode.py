from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from conf.errors import UserError
from conf.settings import Settings, load_settings
from deploy.submit.cluster_mode import checked, environment, settings_text, submission

ROOT = Path(__file__).resolve().parents[4]
PACKED = Path("/srv/packed")
SHARED = {name: Path("/shared") / name for name in ("checkpoint_dir", "data_dir", "local_dir", "model_dir")}


def yarn(**changes: Any) -> Settings:
    return Settings(**{"spark_master": "yarn", **SHARED, **changes})


def values(command: list[str], option: str) -> list[str]:
    return [command[i + 1] for i, word in enumerate(command) if word == option]


def test_the_driver_finds_environment_project_and_settings_in_its_working_directory(tmp_path: Path) -> None:
    settings = yarn(local_dir=tmp_path)
    job = ["jobs.stream", "--available-now"]
    command, its_environment = submission(settings, ROOT, ("spark.executor.instances=4",), PACKED, job)
    conf = dict(pair.split("=", 1) for pair in values(command, "--conf"))

    assert Path(command[0]).name == "spark-submit"
    assert Path(command[0]).exists()
    assert (values(command, "--master"), values(command, "--deploy-mode")) == (["yarn"], ["cluster"])
    assert values(command, "--files")[-1] == f"{tmp_path}/cluster.env#.env"
    assert values(command, "--archives")[-1].split(",") == [
        "/srv/packed/environment.tar.gz#environment",
        f"{tmp_path}/blood-pressure-surveillance.zip#project",
    ]
    assert conf["spark.executorEnv.PYTHONPATH"] == conf["spark.yarn.appMasterEnv.PYTHONPATH"] == "project"
    assert conf["spark.executor.instances"] == "4"
    assert its_environment["PYSPARK_DRIVER_PYTHON"] == its_environment["PYSPARK_PYTHON"] == "./environment/bin/python"
    assert command[-2:] == [str(ROOT / "jobs" / "stream.py"), "--available-now"]


def test_no_secret_stands_on_the_command_line_and_only_this_user_may_read_the_file(tmp_path: Path) -> None:
    settings = yarn(local_dir=tmp_path, elasticsearch_password="hush-hush")
    command, _ = submission(settings, ROOT, (), PACKED, ["jobs.stream"])
    written = tmp_path / "cluster.env"

    assert "hush-hush" not in shlex.join(command)
    assert "hush-hush" in written.read_text()
    assert written.stat().st_mode & 0o777 == 0o600


def test_the_driver_reads_the_settings_that_were_submitted(tmp_path: Path) -> None:
    settings = yarn(elasticsearch_user="o'neil", elasticsearch_password='a"\\$b #c', trigger_seconds=0.5)
    (tmp_path / "cluster.env").write_text(settings_text(settings))

    assert load_settings({}, tmp_path / "cluster.env") == settings


def test_another_spark_installation_does_not_take_over() -> None:
    assert environment({"SPARK_HOME": "/opt/spark", "HADOOP_CONF_DIR": "/etc/hadoop"}, ROOT)["HADOOP_CONF_DIR"]
    assert environment({"SPARK_HOME": "/opt/spark"}, ROOT)["SPARK_HOME"].endswith("pyspark")


@pytest.mark.parametrize("master", ["local[*]", "spark://10.0.0.5:7077", "k8s://https://10.0.0.5:443"])
def test_cluster_mode_is_refused_where_there_is_none(master: str) -> None:
    with pytest.raises(UserError, match="is for BP_SPARK_MASTER=yarn, not for"):
        checked(yarn(spark_master=master), PACKED)


def test_cluster_mode_without_a_packed_environment_is_refused() -> None:
    with pytest.raises(UserError, match="needs --packed DIR"):
        checked(yarn(), None)


def test_a_driver_that_would_forget_is_refused_with_the_folders_to_set() -> None:
    with pytest.raises(UserError, match="Set BP_CHECKPOINT_DIR, BP_MODEL_DIR to folders that all nodes share"):
        checked(Settings(spark_master="yarn", data_dir=Path("/shared/data"), local_dir=Path("/shared/local")), PACKED)
