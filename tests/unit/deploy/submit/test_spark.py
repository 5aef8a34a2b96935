from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from conf.settings import Settings
from deploy.submit.packed import EXECUTOR_PYTHON, PACKAGE_NAME
from deploy.submit.spark import CLASS_ARCHIVE, submit_arguments, submit_environment, with_retries

ROOT = Path(__file__).resolve().parents[4]
LOCAL = Settings()
CLUSTER = Settings(spark_master="spark://10.0.0.5:7077")


def environment_of(settings: Settings, **inherited: str) -> dict[str, str]:
    return submit_environment(inherited, settings, ROOT, ())


def spark_conf(settings: Settings, conf: tuple[str, ...] = ()) -> dict[str, str]:
    words = submit_arguments(settings, ROOT, conf)
    pairs = (words[i + 1] for i, word in enumerate(words) if word == "--conf")
    return dict(pair.split("=", 1) for pair in pairs)


@pytest.mark.parametrize(
    ("master", "expected"),
    [
        ("local[*]", "local[*,3]"),
        ("local[4]", "local[4,3]"),
        ("local[4,1]", "local[4,1]"),
        ("local", "local"),
        ("local-cluster[2,1,1024]", "local-cluster[2,1,1024]"),
        ("spark://host:7077", "spark://host:7077"),
        ("k8s://https://host:443", "k8s://https://host:443"),
    ],
)
def test_local_mode_tries_a_failed_task_again(master: str, expected: str) -> None:
    assert with_retries(master) == expected


def test_pyspark_finds_the_options_in_the_environment_whatever_is_in_them() -> None:
    conf = ("spark.driver.extraJavaOptions=-Da=1 -Db='2'",)
    submitted = submit_environment({}, LOCAL, ROOT, conf)["PYSPARK_SUBMIT_ARGS"]

    assert shlex.split(submitted) == [*submit_arguments(LOCAL, ROOT, conf), "pyspark-shell"]


def test_the_jars_of_the_lock_go_to_the_job() -> None:
    words = submit_arguments(LOCAL, ROOT, ())

    assert "spark-sql-kafka-0-10_2.13" in words[words.index("--jars") + 1]


@pytest.mark.parametrize("master", ["local[*]", "local-cluster[2,1,1024]", "spark://127.0.0.1:7077"])
def test_a_master_on_this_machine_binds_everything_to_the_loopback_address(master: str) -> None:
    settings = Settings(spark_master=master)

    assert spark_conf(settings)["spark.driver.bindAddress"] == "127.0.0.1"
    assert environment_of(settings)["SPARK_LOCAL_IP"] == "127.0.0.1"


@pytest.mark.parametrize("master", ["yarn", "spark://10.0.0.5:7077", "k8s://https://10.0.0.5:443"])
def test_a_cluster_finds_the_driver_at_its_own_address_and_the_packages_in_a_file(master: str) -> None:
    settings = Settings(spark_master=master)
    words = submit_arguments(settings, ROOT, ())

    assert "spark.driver.host" not in spark_conf(settings)
    assert "SPARK_LOCAL_IP" not in environment_of(settings)
    assert words[words.index("--files") + 1].endswith(PACKAGE_NAME)
    assert spark_conf(settings)["spark.executorEnv.PYTHONPATH"] == PACKAGE_NAME


def test_checkpoints_on_this_machine_are_written_without_starting_commands_and_elsewhere_as_spark_does() -> None:
    manager = "spark.sql.streaming.checkpointFileManagerClass"

    assert spark_conf(LOCAL)[manager].endswith(".FileSystemBasedCheckpointFileManager")
    assert manager not in spark_conf(CLUSTER)


def test_a_given_spark_setting_comes_after_ours_and_so_wins() -> None:
    assert spark_conf(LOCAL, conf=("spark.driver.host=0.0.0.0",))["spark.driver.host"] == "0.0.0.0"  # noqa: S104


def test_workers_use_this_python_and_this_source_tree() -> None:
    environment = environment_of(LOCAL, PYSPARK_PYTHON="/usr/bin/python3", SPARK_HOME="/opt/spark")

    assert environment["PYSPARK_PYTHON"] == environment["PYSPARK_DRIVER_PYTHON"] == sys.executable
    assert environment["PYTHONPATH"] == str(ROOT)
    assert "SPARK_HOME" not in environment


def test_a_job_on_this_machine_logs_by_our_file_and_has_no_folder_with_files_on_its_class_path() -> None:
    java = spark_conf(LOCAL)["spark.driver.defaultJavaOptions"]
    assert f"-Dlog4j2.configurationFile={(ROOT / 'conf/log4j2.properties').as_uri()}" in java
    assert not Path(environment_of(LOCAL)["SPARK_CONF_DIR"]).exists()  # else Java would take no archive of classes
    assert environment_of(CLUSTER)["SPARK_CONF_DIR"] == str(ROOT / "conf")  # from where YARN gives it to executors


@pytest.mark.parametrize("is_there", [True, False])
def test_an_archive_of_classes_is_used_where_one_was_made(tmp_path: Path, is_there: bool) -> None:
    root = tmp_path / "a folder"
    archive = root / CLASS_ARCHIVE
    if is_there:
        archive.parent.mkdir(parents=True)
        archive.touch()
    words = submit_arguments(LOCAL, root, ())
    java = next(word for word in words if word.startswith("spark.driver.defaultJavaOptions="))
    assert (f"-XX:SharedArchiveFile={archive}" in shlex.split(java)) == is_there


def test_the_python_of_a_clusters_executors_may_be_chosen() -> None:
    environment = environment_of(CLUSTER, PYSPARK_PYTHON="/opt/python")

    assert (environment["PYSPARK_PYTHON"], environment["PYSPARK_DRIVER_PYTHON"]) == ("/opt/python", sys.executable)


@pytest.mark.parametrize("master", ["yarn", "spark://10.0.0.5:7077", "k8s://https://10.0.0.5:443"])
def test_a_packed_environment_is_sent_to_the_executors_and_only_they_run_its_python(master: str) -> None:
    settings, packed = Settings(spark_master=master), Path("/srv/packed")
    environment = submit_environment({"PYSPARK_PYTHON": "/opt/python"}, settings, ROOT, (), packed)
    words = shlex.split(environment["PYSPARK_SUBMIT_ARGS"])

    assert words[words.index("--master") + 1] == master
    assert words[words.index("--archives") + 1] == "/srv/packed/environment.tar.gz#environment"
    assert environment["PYSPARK_PYTHON"] == EXECUTOR_PYTHON == "./environment/bin/python"
    assert environment["PYSPARK_DRIVER_PYTHON"] == sys.executable
