"""Sign-in attempts slow down, for names that exist and for names that do not, whichever worker is asked."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.webapp.site import NOON, PASSWORD, Site, make_site
from webapp.security.throttle import begin_attempt, count_conspicuous, count_request, delay_s, forget, login_keys
from webapp.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "one.sqlite3")


def test_delays_grow_to_five_minutes_and_no_further() -> None:
    assert [delay_s(fails) for fails in range(1, 13)] == [0, 0, 0, 2, 4, 8, 16, 32, 64, 128, 256, 300]
    assert delay_s(10_000) == 300


def test_an_early_attempt_is_refused_and_not_counted(store: Store) -> None:
    for _ in range(4):
        assert begin_attempt(store, ["name"], NOON) == 0

    assert [begin_attempt(store, ["name"], NOON) for _ in range(3)] == [3, 3, 3]
    assert begin_attempt(store, ["name"], NOON + timedelta(seconds=2)) == 0
    assert begin_attempt(store, ["name"], NOON + timedelta(seconds=2)) == 5


def test_attempts_sent_at_once_meet_the_delay_like_attempts_in_a_row(tmp_path: Path) -> None:
    stores = [Store(tmp_path / "one.sqlite3"), Store(tmp_path / "one.sqlite3")]

    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda number: begin_attempt(stores[number % 2], ["name"], NOON), range(24)))

    assert sorted(waits) == [0] * 4 + [3] * 20


def test_success_forgets_the_failures(store: Store) -> None:
    for _ in range(4):
        begin_attempt(store, ["name", "ip"], NOON)

    forget(store, ["name", "ip"])

    assert begin_attempt(store, ["name", "ip"], NOON) == 0


def test_failures_of_another_day_are_forgotten(store: Store) -> None:
    for _ in range(4):
        begin_attempt(store, ["name"], NOON)

    assert begin_attempt(store, ["other"], NOON + timedelta(days=2)) == 0
    assert store.rows("SELECT * FROM throttle WHERE key = 'name'") == []


def test_names_are_kept_as_digests_whatever_their_case() -> None:
    assert login_keys(" Anne", "10.0.0.1") == login_keys("anne", "10.0.0.1")
    assert "anne" not in login_keys("anne", "10.0.0.1")[0]


def test_conspicuous_names_are_counted_for_the_administrator(store: Store) -> None:
    for minute in range(22):
        begin_attempt(store, ["name"], NOON + timedelta(minutes=10 * minute))

    assert count_conspicuous(store) == 1


def test_requests_beyond_the_limit_wait_for_the_next_minute(store: Store) -> None:
    assert [count_request(store, "anne", 2, NOON) for _ in range(3)] == [0, 0, 60]
    assert count_request(store, "anne", 2, NOON + timedelta(seconds=59)) == 1
    assert count_request(store, "anne", 2, NOON + timedelta(seconds=60)) == 0
    assert count_request(store, "paul", 2, NOON) == 0


WRONG = "not the password"


def attempt(site: Site, name: str, typed: str = WRONG) -> int:
    return site.client().post("/login", {"user_name": name, "password": typed}).status_code


def test_two_applications_on_one_store_count_together(tmp_path: Path) -> None:
    first, second = make_site(tmp_path), make_site(tmp_path)
    first.add_user("anne")

    assert [attempt(first, "anne"), attempt(second, "anne"), attempt(first, "anne"), attempt(second, "anne")] == [
        401
    ] * 4

    assert attempt(first, "anne", PASSWORD) == 429
    assert attempt(second, "anne", PASSWORD) == 429


def test_a_throttled_answer_says_when_to_come_back(site: Site) -> None:
    for _ in range(4):
        attempt(site, "nobody")

    answer = site.client().post("/login", {"user_name": "nobody", "password": "x"})

    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "3"


def test_after_the_delay_the_right_password_opens(site: Site) -> None:
    site.add_user("anne")
    for _ in range(4):
        attempt(site, "anne")

    site.clock.pass_by(seconds=2)

    assert attempt(site, "anne", PASSWORD) == 302


def test_one_address_that_tries_many_names_is_slowed_down(site: Site) -> None:
    assert [attempt(site, f"name-{number}") for number in range(6)] == [401] * 4 + [429] * 2
