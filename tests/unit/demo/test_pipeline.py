from __future__ import annotations

from conf.settings import Settings
from demo.pipeline import start_services
from embedded.services import local_ports


def test_services_elsewhere_are_used_as_the_settings_say() -> None:
    settings = Settings(kafka_bootstrap_servers="a.example.org:9092", elasticsearch_url="https://b.example.org")

    assert start_services(settings, local_ports(settings), report=print) == settings
