"""How account and certificate reach Spark's Kafka source."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from conf.settings import Settings
from jobs.streaming.source import _jaas, _security

ACCOUNT: dict[str, Any] = {
    "kafka_security_protocol": "SASL_SSL",
    "kafka_sasl_mechanism": "SCRAM-SHA-512",
    "kafka_username": "reader",
    "kafka_password": "hush",
}


def unquoted(jaas: str, name: str) -> str:
    """A value as Kafka's JAAS parser reads it: between quotes, with backslash escapes taken off."""
    found = re.search(name + r'="((?:\\.|[^"\\])*)"', jaas)
    assert found
    return re.sub(r"\\(.)", r"\1", found[1])


def test_plaintext_needs_nothing_else() -> None:
    assert _security(Settings()) == {"kafka.security.protocol": "PLAINTEXT"}


def test_certificate_is_a_pem_file_that_the_jvm_reads() -> None:
    options = _security(Settings(kafka_security_protocol="SSL", kafka_ssl_ca=Path("/etc/ca.pem")))
    assert options["kafka.ssl.truststore.location"] == "/etc/ca.pem"
    assert options["kafka.ssl.truststore.type"] == "PEM"


@pytest.mark.parametrize(
    ("mechanism", "module"),
    [
        ("PLAIN", "org.apache.kafka.common.security.plain.PlainLoginModule"),
        ("SCRAM-SHA-256", "org.apache.kafka.common.security.scram.ScramLoginModule"),
        ("SCRAM-SHA-512", "org.apache.kafka.common.security.scram.ScramLoginModule"),
    ],
)
def test_account_is_given_to_the_module_of_its_mechanism(mechanism: str, module: str) -> None:
    options = _security(Settings(**{**ACCOUNT, "kafka_sasl_mechanism": mechanism}))
    assert options["kafka.sasl.mechanism"] == mechanism
    assert options["kafka.sasl.jaas.config"] == f'{module} required username="reader" password="hush";'


@pytest.mark.parametrize(
    "secret", ['quo"te', "back\\slash", '\\"', "semi;colon", "sp ace", "single'quote", "é", "\\\\"]
)
def test_quotes_and_backslashes_end_no_value_early(secret: str) -> None:
    jaas = _jaas(Settings(**{**ACCOUNT, "kafka_username": secret, "kafka_password": secret}))
    assert (unquoted(jaas, "username"), unquoted(jaas, "password")) == (secret, secret)
    assert jaas.endswith('";')


def test_account_without_a_password_has_an_empty_one() -> None:
    assert unquoted(_jaas(Settings(**{**ACCOUNT, "kafka_password": None})), "password") == ""
