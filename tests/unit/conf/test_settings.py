"""Where settings come from, and how a faulty one is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from conf.settings import SECRETS, Settings, SettingsError, load_settings


def load(tmp_path: Path, file: str = "", **environment: str) -> Settings:
    """Load the settings of an environment and the text of a ``.env`` file."""
    env_file = tmp_path / ".env"
    env_file.write_text(file, encoding="utf-8")
    return load_settings(environment, env_file)


def refusal(tmp_path: Path, file: str = "", **environment: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, file, **environment)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_environment_goes_before_file_and_file_before_default(tmp_path: Path) -> None:
    assert load(tmp_path).kafka_topic == "blood-pressure-data"
    assert load(tmp_path, "BP_KAFKA_TOPIC=from-file").kafka_topic == "from-file"
    assert load(tmp_path, "BP_KAFKA_TOPIC=from-file", BP_KAFKA_TOPIC="from-env").kafka_topic == "from-env"


def test_absent_file_is_no_fault(tmp_path: Path) -> None:
    assert load_settings({}, tmp_path / "absent") == Settings()


def test_every_setting_can_come_from_either_place(tmp_path: Path) -> None:
    loaded = load(tmp_path, "BP_MIN_READINGS=12\n# a comment\n", BP_TRIGGER_SECONDS="0.5", BP_LANGUAGE="en")
    assert (loaded.min_readings, loaded.trigger_seconds, loaded.language) == (12, 0.5, "en")


@pytest.mark.parametrize(("file", "environment"), [("BP_KAFKA_TOPIC=", {}), ("", {"BP_KAFKA_TOPIC": ""})])
def test_empty_text_means_the_default(tmp_path: Path, file: str, environment: dict[str, str]) -> None:
    assert load(tmp_path, file, **environment).kafka_topic == "blood-pressure-data"


def test_empty_text_in_the_environment_overrides_the_file(tmp_path: Path) -> None:
    assert load(tmp_path, "BP_KAFKA_USERNAME=reader", BP_KAFKA_USERNAME="").kafka_username is None


@pytest.mark.parametrize("in_file", [True, False])
def test_misspelt_name_is_refused_with_the_valid_ones(tmp_path: Path, in_file: bool) -> None:
    message = refusal(tmp_path, "BP_KAFKA_TOPIK=x") if in_file else refusal(tmp_path, BP_KAFKA_TOPIK="x", BP_AAA="y")
    assert message.startswith("Unknown setting")
    assert "BP_KAFKA_TOPIK" in message
    for name in Settings.model_fields:
        assert f"BP_{name.upper()}" in message


def test_names_of_others_and_of_tests_are_left_alone(tmp_path: Path) -> None:
    assert load(tmp_path, "OTHER=1", PATH="/bin", BP_TEST_KEEP="1", XBP_KAFKA_TOPIC="x") == Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BP_KAFKA_TOPIC", "no spaces"),
        ("BP_KAFKA_SECURITY_PROTOCOL", "TLS"),
        ("BP_ELASTICSEARCH_URL", "localhost:9200"),
        ("BP_TRIGGER_SECONDS", "-1"),
        ("BP_TRIGGER_SECONDS", "soon"),
        ("BP_MAX_OFFSETS_PER_TRIGGER", "0"),
        ("BP_MIN_READINGS", "31"),
        ("BP_MIN_READINGS", "0"),
        ("BP_WEB_PORT", "65536"),
        ("BP_LANGUAGE", "de"),
        ("BP_PATIENT_KEY", "name"),
        ("BP_TIME_ZONE", "Paris"),
        ("BP_DAY_HOURS", "8"),
        ("BP_DAY_HOURS", "22-8"),
        ("BP_DAY_HOURS", "8-24"),
        ("BP_TRUSTED_HOSTS", "a b"),
        ("BP_CORS_ORIGINS", "*"),
    ],
)
def test_value_that_cannot_be_used_is_told_with_its_setting(tmp_path: Path, name: str, value: str) -> None:
    assert f"{name}: " in refusal(tmp_path, **{name: value})


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    message = refusal(tmp_path, BP_WEB_PORT="x", BP_LANGUAGE="de")
    assert "BP_WEB_PORT: " in message
    assert "BP_LANGUAGE: " in message


@pytest.mark.parametrize("name", SECRETS)
def test_secret_can_be_kept_in_a_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("hush\n", encoding="utf-8")
    secret = getattr(load(tmp_path, **{f"BP_{name.upper()}": f"@{tmp_path / 'secret'}"}), name)
    assert secret.get_secret_value() == "hush"


def test_mark_of_a_file_means_nothing_in_other_settings(tmp_path: Path) -> None:
    assert load(tmp_path, BP_KAFKA_USERNAME="@reader").kafka_username == "@reader"


def test_missing_secret_file_is_told_with_its_path(tmp_path: Path) -> None:
    message = refusal(tmp_path, BP_KAFKA_PASSWORD=f"@{tmp_path / 'absent'}")
    assert str(tmp_path / "absent") in message
    assert "No such file" in message


def test_folder_in_the_place_of_a_secret_file_is_told_with_its_path(tmp_path: Path) -> None:
    assert str(tmp_path) in refusal(tmp_path, BP_KAFKA_PASSWORD=f"@{tmp_path}")


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    loaded = load(tmp_path, BP_KAFKA_PASSWORD="hush", BP_SECRET_KEY="hush", BP_ELASTICSEARCH_API_KEY="hush")
    assert "hush" not in repr(loaded) + str(loaded) + loaded.model_dump_json()


def test_paths_do_not_depend_on_where_a_worker_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    loaded = load(tmp_path, BP_DATA_DIR="elsewhere")
    assert loaded.data_dir == tmp_path / "elsewhere"
    assert loaded.checkpoint_dir == tmp_path / ".local" / "checkpoints"
    assert all(path.is_absolute() for path in (loaded.local_dir, loaded.model_dir))


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Settings().kafka_topic = "other"  # type: ignore[misc]


def test_rules_of_alerts_are_found_wherever_a_program_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    usual = load(tmp_path).alert_rules
    assert usual.is_file()
    assert load(tmp_path, BP_ALERT_RULES="conf/ward.yaml").alert_rules == usual.with_name("ward.yaml")
    assert load(tmp_path, BP_ALERT_RULES=f"{tmp_path}/own.yaml").alert_rules == tmp_path / "own.yaml"
