"""All settings of the system, read once by each entry point and handed down as plain values.

Order of precedence: environment variable (prefix ``BP_``), then the ``.env`` file, then the default below. A name that
starts with ``BP_`` and is not listed here is refused, so that a misspelt setting never passes unnoticed. A secret may
be kept in a file: ``BP_ELASTICSEARCH_PASSWORD=@/run/secrets/elasticsearch`` reads it from there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from conf.errors import UserError

PREFIX = "BP_"
TEST_PREFIX = "BP_TEST_"  # read by the tests only
SECRETS = (
    "kafka_password",
    "elasticsearch_password",
    "elasticsearch_api_key",
    "pseudonym_key",
    "secret_key",
    "password_pepper",
    "smtp_password",
    "webhook_secret",
)
METRICS_FILE = "metrics.json"  # in `local_dir`: what the stream tells of itself after each micro-batch
PROJECT_ROOT = Path(__file__).resolve().parents[1]
SECRET_FILE_MARK = "@"  # noqa: S105 - not a secret, the sign that one is in a file


class SettingsError(UserError):
    """A setting is unknown or has a value that cannot be used."""


class Settings(BaseModel):
    """Every setting with its default; see the table in README.md."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    kafka_bootstrap_servers: str = "127.0.0.1:9092"
    kafka_topic: str = Field("blood-pressure-data", pattern=r"^[A-Za-z0-9._-]{1,249}$")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    kafka_username: str | None = None
    kafka_password: SecretStr | None = None
    kafka_ssl_ca: Path | None = None

    elasticsearch_url: str = Field("http://127.0.0.1:9200", pattern=r"^https?://[^\s]+$")
    elasticsearch_user: str | None = None
    elasticsearch_password: SecretStr | None = None
    elasticsearch_api_key: SecretStr | None = None
    elasticsearch_ca: Path | None = None

    spark_master: str = "local[*]"
    trigger_seconds: float = Field(2.0, ge=0)
    max_offsets_per_trigger: int = Field(100_000, gt=0)
    shuffle_partitions: int = Field(2, gt=0)

    min_readings: int = Field(10, ge=1, le=30)
    max_age_days: int = Field(400, ge=0)
    patient_key: Literal["id", "source"] = "id"
    hold_preliminary: bool = False
    refuse_unknown_status: bool = False
    pseudonym_key: SecretStr | None = None

    retention_days: int = Field(730, ge=1)
    rejected_days: int = Field(90, ge=1)

    retrain_days: int = Field(7, ge=1)
    shadow_days: int = Field(7, ge=1)
    shadow_patients: int = Field(50, ge=1)
    promote_by_rule: bool = False

    alert_rules: Path = Path("conf/alerts.yaml")
    ward_register: Path | None = None
    wards_from_encounters: bool = False
    show_names: bool = False
    smtp_host: str | None = None
    smtp_port: int = Field(587, ge=1, le=65535)
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_from: str | None = Field(None, pattern=r"^[!-?A-~]+@[A-Za-z0-9.-]+$")
    webhook_hosts: str | None = Field(None, pattern=r"^[A-Za-z0-9.-]+(,[A-Za-z0-9.-]+)*$")
    webhook_secret: SecretStr | None = None
    canary_seconds: float = Field(20.0, ge=0, le=3600)

    local_dir: Path = Path(".local")
    data_dir: Path = Path("data")
    model_dir: Path = Path("models")
    checkpoint_dir: Path = Path(".local/checkpoints")
    metrics_file: Path | None = None

    web_host: str = "127.0.0.1"
    web_port: int = Field(5000, ge=0, le=65535)
    trusted_hosts: str = Field("127.0.0.1,localhost", pattern=r"^[A-Za-z0-9.-]+(,[A-Za-z0-9.-]+)*$")
    proxy_hops: int = Field(0, ge=0, le=9)
    web_certificate: Path | None = None
    web_key: Path | None = None
    insecure_demo: bool = False
    secret_key: SecretStr | None = None
    password_pepper: SecretStr | None = None
    language: Literal["fr", "en"] = "fr"
    time_zone: str = "Europe/Paris"
    expected_interval_minutes: int = Field(15, ge=1, le=1440)
    day_hours: str = Field("8-22", pattern=r"^(1?\d|2[0-3])-(1?\d|2[0-3])$")
    cors_origins: str | None = Field(None, pattern=r"^https?://[^\s,/]+(,https?://[^\s,/]+)*$")
    kibana_url: str | None = Field(None, pattern=r"^https?://[^\s]+$")

    @property
    def expected_interval(self) -> timedelta:
        """Return how often a reading of a patient is expected."""
        return timedelta(minutes=self.expected_interval_minutes)

    @property
    def zone(self) -> ZoneInfo:
        """Return the time zone of the place."""
        return ZoneInfo(self.time_zone)

    @field_validator(*SECRETS, mode="before")
    @classmethod
    def _read_secret_file(cls, value: object) -> object:
        if isinstance(value, str) and value.startswith(SECRET_FILE_MARK):
            return Path(value.removeprefix(SECRET_FILE_MARK)).read_text(encoding="utf-8").strip()
        return value

    @field_validator("time_zone")
    @classmethod
    def _know_time_zone(cls, value: str) -> str:
        try:
            return ZoneInfo(value).key
        except (ZoneInfoNotFoundError, OSError) as error:
            raise ValueError(f"{value!r} is not the name of a time zone, such as Europe/Paris") from error

    @field_validator("day_hours")
    @classmethod
    def _start_before_end(cls, value: str) -> str:
        start, end = map(int, value.split("-"))
        if start >= end:
            raise ValueError(f"{value!r} does not begin before it ends, as 8-22 does")
        return value

    @field_validator("alert_rules", "ward_register")
    @classmethod
    def _start_at_the_project(cls, value: Path | None) -> Path | None:
        """Make a file of the house absolute: where it is does not depend on where a program was started."""
        return value and PROJECT_ROOT / value

    @field_validator("local_dir", "data_dir", "model_dir", "checkpoint_dir")
    @classmethod
    def _make_absolute(cls, value: Path) -> Path:
        """Make a folder absolute: Spark's workers run in directories of their own."""
        return value.absolute()


def load_settings(environment: Mapping[str, str] = os.environ, env_file: Path = Path(".env")) -> Settings:
    """Read the settings; raise `SettingsError` with every fault and the list of valid names."""
    of_file = {name: value or "" for name, value in dotenv_values(env_file).items()}
    values = {**_with_prefix(of_file), **_with_prefix(environment)}
    names = {PREFIX + name.upper(): name for name in Settings.model_fields}
    if unknown := sorted(set(values) - set(names)):
        raise SettingsError(f"Unknown setting {', '.join(unknown)}. Valid names: {', '.join(sorted(names))}.")
    try:
        return Settings(**{names[key]: value for key, value in values.items() if value != ""})
    except (ValidationError, OSError) as error:
        raise SettingsError(_explain(error)) from error


def _with_prefix(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        key: value for key, value in environment.items() if key.startswith(PREFIX) and not key.startswith(TEST_PREFIX)
    }


def _explain(error: ValidationError | OSError) -> str:
    """Return every fault of the settings in one line, or which file of a secret cannot be read."""
    if isinstance(error, OSError):
        return f"The secret file {error.filename} cannot be read ({error.strerror}). Check its path and permissions."
    faults = (f"{PREFIX}{str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in error.errors())
    return "Setting not usable. " + "; ".join(faults) + "."
