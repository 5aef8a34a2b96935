"""The Kafka topic as a streaming DataFrame."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from conf.settings import Settings
from fhir.parse.message import MAX_PAYLOAD_BYTES
from jobs.streaming.intake import MESSAGE_COLUMNS, STORED_PAYLOAD_BYTES

JAAS_MODULES = {
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
    "SCRAM-SHA-256": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "SCRAM-SHA-512": "org.apache.kafka.common.security.scram.ScramLoginModule",
}


def read_topic(spark: SparkSession, settings: Settings) -> DataFrame:
    """Stream the topic from its beginning (or the checkpoint); an offset that has expired stops the query."""
    reader = spark.readStream.format("kafka").options(
        **{
            "kafka.bootstrap.servers": settings.kafka_bootstrap_servers,
            "subscribe": settings.kafka_topic,
            "startingOffsets": "earliest",
            "failOnDataLoss": "true",
            "maxOffsetsPerTrigger": str(settings.max_offsets_per_trigger),
        },
        **_security(settings),
    )
    return messages(reader.load())


def messages(records: DataFrame) -> DataFrame:
    """Records of Spark's Kafka source -> one row per message, in the columns `intake.parse_batches` reads.

    An oversized value is cut inside the JVM: only its beginning and its size reach a Python worker.
    """
    size = F.length("value")
    kept = F.when(size > MAX_PAYLOAD_BYTES, F.substring("value", 1, STORED_PAYLOAD_BYTES)).otherwise(F.col("value"))
    columns = F.col("partition"), F.col("offset"), F.unix_micros("timestamp"), size, kept
    return records.select(*(column.alias(name) for column, name in zip(columns, MESSAGE_COLUMNS, strict=True)))


def _security(settings: Settings) -> dict[str, str]:
    options: dict[str, str] = {"kafka.security.protocol": settings.kafka_security_protocol}
    if settings.kafka_ssl_ca is not None:
        options |= {"kafka.ssl.truststore.type": "PEM", "kafka.ssl.truststore.location": str(settings.kafka_ssl_ca)}
    if settings.kafka_sasl_mechanism is not None:
        options |= {"kafka.sasl.mechanism": settings.kafka_sasl_mechanism, "kafka.sasl.jaas.config": _jaas(settings)}
    return options


def _jaas(settings: Settings) -> str:
    password = settings.kafka_password.get_secret_value() if settings.kafka_password else ""
    module = JAAS_MODULES[settings.kafka_sasl_mechanism or "PLAIN"]
    user, secret = (
        text.replace("\\", "\\\\").replace('"', '\\"') for text in (settings.kafka_username or "", password)
    )
    return f'{module} required username="{user}" password="{secret}";'
