"""Reading through elasticsearch-spark, with a real Elasticsearch and a real JVM."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import certifi
import pytest
from pydantic import SecretStr
from pyspark.sql import SparkSession

from conf.canary import CANARY_PREFIX
from conf.errors import UserError
from conf.settings import Settings
from elastic.client import connect
from elastic.connector import TRUST_STORE_WORD, read_index, write_trust_store

pytestmark = pytest.mark.integration

INDEX = "blood-pressure-test-connector"


@pytest.fixture
def documents(settings: Settings) -> Settings:
    client = connect(settings)
    for number in range(3):
        body = {"@timestamp": f"2026-01-0{number + 1}T12:00:00.123Z", "number": number, "other": "x"}
        client.index(index=INDEX, id=str(number), document=body, refresh=True)
    return settings


def test_only_the_asked_fields_of_the_asked_documents_are_read_and_dates_stay_as_written(
    spark: SparkSession, documents: Settings
) -> None:
    query = {"range": {"@timestamp": {"gte": "2026-01-02T00:00:00Z"}}}
    rows = read_index(spark, documents, INDEX, ["@timestamp", "number"], query).orderBy("number").collect()
    assert [row.asDict() for row in rows] == [
        {"@timestamp": "2026-01-02T12:00:00.123Z", "number": 1},
        {"@timestamp": "2026-01-03T12:00:00.123Z", "number": 2},
    ]


def test_patients_who_are_none_are_not_read(spark: SparkSession, documents: Settings) -> None:
    """So nothing is trained with them, and nothing judged by them."""
    connect(documents).indices.put_mapping(index=INDEX, properties={"patient_id": {"type": "keyword"}})
    for number, patient_id in enumerate((f"{CANARY_PREFIX}1", "p-1")):
        body = {"number": number, "patient_id": patient_id}
        connect(documents).index(index=INDEX, id=patient_id, document=body, refresh=True)
    query = {"exists": {"field": "patient_id"}}
    rows = read_index(spark, documents, INDEX, ["patient_id"], query).collect()
    assert [row.patient_id for row in rows] == ["p-1"]


def test_absent_index_is_told_in_one_sentence(spark: SparkSession, settings: Settings) -> None:
    with pytest.raises(UserError, match="no index blood-pressure-nothing"):
        read_index(spark, settings, "blood-pressure-nothing", ["number"])


@pytest.mark.parametrize(
    "secret", [{"elasticsearch_user": "u", "elasticsearch_password": "geheim"}, {"elasticsearch_api_key": "geheim"}]
)
def test_secrets_do_not_appear_in_the_plans_that_spark_shows(
    spark: SparkSession, documents: Settings, secret: dict[str, str]
) -> None:
    own = {name: SecretStr(value) if value == "geheim" else value for name, value in secret.items()}
    frame: Any = read_index(spark, documents.model_copy(update=own), INDEX, ["number"])
    shown = frame._jdf.queryExecution().toString()
    assert "es.port" in shown
    assert "geheim" not in shown


def test_certificates_of_authorities_become_a_trust_store_that_java_reads(spark: SparkSession, tmp_path: Path) -> None:
    write_trust_store(spark, Path(certifi.where()), tmp_path / "new" / "store.p12")
    context: Any = spark.sparkContext
    java = context._jvm.java
    word = context._gateway.new_array(context._jvm.char, len(TRUST_STORE_WORD))
    for place, letter in enumerate(TRUST_STORE_WORD):
        word[place] = letter
    store = java.security.KeyStore.getInstance("JKS")  # what the connector asks for; Java tells the two apart
    store.load(java.io.FileInputStream(str(tmp_path / "new" / "store.p12")), word)
    assert store.size() == Path(certifi.where()).read_text().count("BEGIN CERTIFICATE")
