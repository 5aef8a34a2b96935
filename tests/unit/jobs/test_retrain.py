from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from math import nan as NAN
from pathlib import Path

import numpy as np
import pytest

from conf.errors import UserError
from conf.files import only_one
from conf.settings import Settings
from jobs.retrain import (
    LOCK,
    PATIENTS,
    QUICK_PATIENTS,
    describe_file,
    make_collection,
    make_comparison,
    move_pointer,
    parser,
    seeds,
    work,
)
from jobs.training.collecting import Collection, require_both_outcomes
from jobs.training.refits import FITS
from jobs.training.simulated import Design, simulate_rows
from ml.registry.bundles import current_version
from ml.registry.challenger import read_challenger
from tests.support.bundles import publish_small, save_small_bundle

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def collection_of(*arguments: str, min_readings: int = 10) -> Collection:
    return make_collection(parser().parse_args(arguments), Settings(min_readings=min_readings))


def test_training_and_serving_ask_for_the_same_number_of_readings() -> None:
    made = collection_of(min_readings=17)
    assert made.shifted is not None
    assert made.design.min_readings == made.shifted.min_readings == 17


def test_a_quick_training_has_fewer_patients_unless_told_otherwise() -> None:
    assert collection_of().design.patients == PATIENTS
    assert collection_of("--quick").design.patients == QUICK_PATIENTS
    assert collection_of("--quick", "--patients", "50").design.patients == 50


def test_the_oracle_is_asked_about_patients_that_nobody_has_trained_on() -> None:
    arguments = parser().parse_args(["--seed", "3"])
    oracle = make_comparison(arguments, make_collection(arguments, Settings())).oracle
    assert oracle is not None
    assert oracle.seed != 3
    assert oracle.windows_per_patient == 1


@pytest.mark.parametrize("options", [["--quick"], ["--source", "archive"], ["--data", "rows.parquet"]])
def test_no_oracle_is_asked_in_haste_nor_about_real_patients(options: list[str]) -> None:
    arguments = parser().parse_args(options)
    assert make_comparison(arguments, make_collection(arguments, Settings())).oracle is None


@pytest.mark.parametrize(
    ("options", "refits"), [([], FITS), (["--quick"], 0), (["--refits", "7"], 7), (["--quick", "--refits", "2"], 2)]
)
def test_a_full_training_is_followed_by_fits_with_other_seeds_and_a_quick_one_only_if_asked(
    options: list[str], refits: int
) -> None:
    arguments = parser().parse_args(["--seed", "3", *options])
    comparison = make_comparison(arguments, make_collection(arguments, Settings()))
    assert list(comparison.refit_seeds) == list(range(4, 4 + refits))


def test_every_seed_is_told_by_what_it_decides() -> None:
    arguments = parser().parse_args(["--seed", "3"])
    told = seeds(arguments, make_comparison(arguments, make_collection(arguments, Settings())))
    assert told == {"fits": 3, "random forest": 3, "bootstrap": 3, "oracle's patients": 4, "refits from": 4}
    quick = parser().parse_args(["--quick"])
    assert "oracle's patients" not in seeds(quick, make_comparison(quick, make_collection(quick, Settings())))


def test_rows_of_a_file_are_not_described_as_those_of_a_design() -> None:
    rows, _ = simulate_rows(Design(patients=20, seed=1, windows_per_patient=2, track_h=0), 0)
    path = Path("folder/rows.parquet")
    assert describe_file(path, {"train": rows}) == {"source": "SIMULATED patients, no real person (file rows.parquet)"}
    recorded = replace(rows, group=np.full(len(rows), ""))
    assert describe_file(path, {"train": recorded}) == {"source": "patients on record (file rows.parquet)"}


def test_promotion_and_rollback_by_hand_need_no_training(tmp_path: Path) -> None:
    first, second = save_small_bundle(tmp_path), save_small_bundle(tmp_path, seed=2)
    publish_small(tmp_path, first)
    move_pointer(tmp_path, parser().parse_args(["--promote", second, "--by", "Ada"]), NOW)
    assert current_version(tmp_path) == second
    move_pointer(tmp_path, parser().parse_args(["--rollback"]), NOW)
    assert current_version(tmp_path) == first


def test_a_version_scores_beside_the_one_in_service_until_that_is_ended_by_hand(tmp_path: Path) -> None:
    first, second = save_small_bundle(tmp_path), save_small_bundle(tmp_path, seed=2)
    publish_small(tmp_path, first)
    move_pointer(tmp_path, parser().parse_args(["--shadow", second, "--by", "Ada", "--why", "our own readings"]), NOW)
    appointed = read_challenger(tmp_path)
    assert appointed is not None
    assert (appointed.version, appointed.by, appointed.why) == (second, "Ada", "our own readings")
    move_pointer(tmp_path, parser().parse_args(["--no-shadow"]), NOW)
    assert (read_challenger(tmp_path), current_version(tmp_path)) == (None, first)


def test_only_one_thing_is_done_at_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["--rollback", "--promote", "v1"])
    assert "not allowed with argument" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("targets", "told"),
    [
        ([[0, 0, 0], [0, 0, 0]], r"The train data hold no crisis within 1 h of a window\. Use more patients\."),
        ([[0, 0, 1], [1, 1, 1]], r"known that 24 h without a crisis followed\. Let the stream collect .* for longer"),
        (
            [[0, 0, NAN], [1, 1, NAN]],
            r"known that 24 h without a crisis followed\. Let the stream collect .* for longer",
        ),
    ],
    ids=["no crisis", "a day of readings", "an hour of readings"],
)
def test_data_without_one_of_both_outcomes_are_refused_by_part_and_by_what_they_lack(
    targets: list[list[float]], told: str
) -> None:
    rows, _ = simulate_rows(Design(patients=20, seed=1, windows_per_patient=2, track_h=0), 0)
    poor = replace(rows, targets=np.array(targets, dtype=np.float32))
    with pytest.raises(UserError, match=told):
        require_both_outcomes(dict.fromkeys(("train", "early_stopping", "calibration", "test"), poor))


def test_beside_another_training_none_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BP_DATA_DIR", str(tmp_path))
    with only_one(tmp_path / LOCK, UserError), pytest.raises(UserError, match=r"Another training runs \(process \d+\)"):
        work(parser().parse_args([]))
