"""The Kafka and Elasticsearch of the demo: embedded where the address is on this machine."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from conf.settings import Settings
from embedded import services
from embedded.services import NodeName

LOOPBACK = ("127.0.0.1", "localhost")
DEFAULT_PORTS: dict[NodeName, int] = {"kafka": 9092, "elasticsearch": 9200}


def local_ports(settings: Settings) -> dict[NodeName, int]:
    """Return the ports of those services whose address in the settings is on this machine."""
    addresses: dict[NodeName, str] = {
        "kafka": f"//{settings.kafka_bootstrap_servers.split(',')[0]}",
        "elasticsearch": settings.elasticsearch_url,
    }
    parts = {name: urlsplit(address) for name, address in addresses.items()}
    return {name: part.port or DEFAULT_PORTS[name] for name, part in parts.items() if part.hostname in LOOPBACK}


def start_services(
    settings: Settings, ports: dict[NodeName, int], partitions: int, report: Callable[[str], None]
) -> Settings:
    """Start the embedded services among `ports` (0 = any free port); return the settings with their addresses."""
    if not ports:
        return settings
    options = services.Options(
        local_dir=settings.local_dir,
        kafka_port=ports.get("kafka", 0),
        elasticsearch_port=ports.get("elasticsearch", 0),
        only=next(iter(ports)) if len(ports) == 1 else None,
        topic=settings.kafka_topic,
        partitions=partitions,
    )
    addresses = services.start(options, report=report)
    return settings.model_copy(
        update={
            "kafka_bootstrap_servers": addresses.kafka_bootstrap_servers or settings.kafka_bootstrap_servers,
            "elasticsearch_url": addresses.elasticsearch_url or settings.elasticsearch_url,
        }
    )


def stop_services(settings: Settings) -> None:
    """Stop the embedded services of the local directory; those elsewhere are left alone."""
    services.stop(settings.local_dir)
