"""The rights of Kafka's accounts; that a broker keeps them is seen in tests/integration/test_kafka_tls.py."""

from __future__ import annotations

from kafka.admin import ACLOperation, ACLPermissionType

from deploy.kafka_rights import rights
from deploy.secrets import KAFKA_CLIENTS
from tests.unit.deploy.compose import VARIANTS, environment_of, load


def allowed(operation: ACLOperation) -> set[tuple[str, str]]:
    """Return account and topic of each right to do this."""
    return {
        (right.principal.removeprefix("User:"), right.resource_pattern.resource_name)
        for right in rights("readings")
        if right.operation == operation and right.permission_type == ACLPermissionType.ALLOW
    }


def test_every_account_but_that_of_set_up_has_rights_and_nobody_else() -> None:
    assert {right.principal for right in rights("readings")} == {
        f"User:{name}" for name in KAFKA_CLIENTS if name != "kafka_setup"
    }


def test_readings_are_written_by_their_senders_alone() -> None:
    assert allowed(ACLOperation.WRITE) == {
        ("kafka_producer", "readings"),
        ("kafka_canary", "readings"),
        ("kafka_alerts", "*"),
    }
    (refused,) = (right for right in rights("readings") if right.permission_type == ACLPermissionType.DENY)
    assert (refused.principal, refused.resource_pattern.resource_name) == ("User:kafka_alerts", "readings")


def test_who_reads_does_not_write_and_only_the_alert_service_makes_topics() -> None:
    assert allowed(ACLOperation.READ) == {("kafka_stream", "readings"), ("kafka_alerts", "readings")}
    assert allowed(ACLOperation.CREATE) == {("kafka_alerts", "*")}


def test_the_broker_of_the_tls_variant_asks_for_rights_and_has_set_up_for_superuser() -> None:
    told = environment_of(load(*VARIANTS["tls"])["services"]["kafka"])
    assert told["KAFKA_AUTHORIZER_CLASS_NAME"].endswith("StandardAuthorizer")
    assert told["KAFKA_SUPER_USERS"].split(";") == ["User:kafka_setup", "User:ANONYMOUS"]
    assert "KAFKA_ALLOW_EVERYONE_IF_NO_ACL_FOUND" not in told
