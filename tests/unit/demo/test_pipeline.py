from __future__ import annotations

from pathlib import Path

from conf.settings import Settings
from demo.pipeline import start_services, trouble_of
from embedded.services import local_ports


def test_services_elsewhere_are_used_as_the_settings_say() -> None:
    settings = Settings(kafka_bootstrap_servers="a.example.org:9092", elasticsearch_url="https://b.example.org")

    assert start_services(settings, local_ports(settings), report=print) == settings


def test_trouble_of_the_stream_comes_before_that_of_the_alert_service(tmp_path: Path) -> None:
    for name, package in (("stream", "jobs.streaming.stopping"), ("alerts", "alerts")):
        (tmp_path / f"{name}.log").write_text(f"2026-01-01 00:00:00,000 WARNING {package} the {name}: trouble\n")
    assert trouble_of(tmp_path) == "the stream: trouble"
    (tmp_path / "stream.log").write_text("")
    assert trouble_of(tmp_path) == "the alerts: trouble"
