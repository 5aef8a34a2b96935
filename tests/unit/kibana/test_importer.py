"""The importer against a Kibana that starts slowly, refuses, and fails in part."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from conf.errors import EXIT_FAILURE, EXIT_OK
from deploy.certificates import make_missing, names_of
from kibana import importer
from tests.support import fake_kibana
from tests.support.fake_kibana import FakeKibana

OBJECTS: list[dict[str, Any]] = [
    {"type": "index-pattern", "id": "bp-observations", "attributes": {"title": "blood-pressure-observations-*"}},
    {"type": "dashboard", "id": "bp-ward", "attributes": {"title": "Surveillance du service"}},
]
NOBODY_LISTENS = "http://127.0.0.1:9"

Import = Callable[..., int]


@dataclass
class Clock:
    """A clock that only a pause moves."""

    now_s: float = 0.0
    pauses_s: list[float] = field(default_factory=list)

    def pause(self, seconds: float) -> None:
        self.pauses_s.append(seconds)
        self.now_s += seconds


@pytest.fixture
def kibana() -> Iterator[FakeKibana]:
    with fake_kibana.running() as fake:
        yield fake


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "objects.ndjson"
    path.write_text("".join(json.dumps(object_) + "\n" for object_ in OBJECTS))
    return path


@pytest.fixture
def run_import(kibana: FakeKibana, clock: Clock, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Import:
    """Run the command with settings of its own: ``run_import("--deadline", "5", BP_ELASTICSEARCH_USER="anne")``."""
    monkeypatch.chdir(tmp_path)  # where no .env is

    def run(*arguments: str, **environment: str) -> int:
        own = {"BP_KIBANA_URL": kibana.url} | environment
        return importer.main(["--file", str(file), *arguments], own, lambda: clock.now_s, clock.pause)

    return run


def imports(kibana: FakeKibana) -> int:
    return kibana.requests.count("POST /api/saved_objects/_import")


def test_every_object_is_imported_and_counted(
    run_import: Import, kibana: FakeKibana, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_import() == EXIT_OK
    assert list(kibana.objects.values()) == OBJECTS
    assert capsys.readouterr().out.splitlines() == [
        "Kibana is ready; importing 2 objects.",
        f"2 objects imported into {kibana.url}.",
    ]


def test_a_second_import_replaces_what_the_first_one_brought(
    run_import: Import, kibana: FakeKibana, file: Path
) -> None:
    assert run_import() == EXIT_OK
    changed = [object_ | {"attributes": {"title": "changed"}} for object_ in OBJECTS]
    file.write_text("\n".join(json.dumps(object_) for object_ in changed))
    assert run_import() == EXIT_OK
    assert list(kibana.objects.values()) == changed


def test_the_dashboards_of_the_project_arrive_whole(run_import: Import, kibana: FakeKibana) -> None:
    assert run_import("--file", str(importer.SAVED_OBJECTS)) == EXIT_OK
    lines = importer.SAVED_OBJECTS.read_text(encoding="utf-8").splitlines()
    assert list(kibana.objects.values()) == [json.loads(line) for line in lines]


def test_the_address_of_the_command_line_wins(run_import: Import, kibana: FakeKibana) -> None:
    assert run_import("--url", f"{kibana.url}/", BP_KIBANA_URL=NOBODY_LISTENS) == EXIT_OK


def test_kibana_is_asked_again_with_longer_pauses_until_it_is_ready(
    run_import: Import, kibana: FakeKibana, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    kibana.unanswered = 1
    kibana.status_faults = [503, 503, 502, 503, 503]
    assert run_import() == EXIT_OK
    assert clock.pauses_s == [1, 2, 4, 8, 10, 10]
    assert "Kibana is not ready (status 503); next try in 2 s." in capsys.readouterr().out


def test_an_import_that_meets_a_restarting_kibana_is_repeated(
    run_import: Import, kibana: FakeKibana, clock: Clock
) -> None:
    kibana.import_faults = [503, 503]
    assert run_import() == EXIT_OK
    assert (imports(kibana), len(clock.pauses_s)) == (3, 2)


@pytest.mark.parametrize("deadline_s", [0, 2, 30])
def test_patience_ends_exactly_at_the_deadline(
    run_import: Import, clock: Clock, deadline_s: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_import("--url", NOBODY_LISTENS, "--deadline", str(deadline_s)) == EXIT_FAILURE
    assert clock.now_s == deadline_s
    assert "Connection refused)" in capsys.readouterr().err


def test_waiting_and_importing_share_one_deadline(run_import: Import, kibana: FakeKibana, clock: Clock) -> None:
    kibana.status_faults = [503] * 3
    kibana.import_faults = [503] * 100
    assert run_import("--deadline", "20") == EXIT_FAILURE
    assert clock.now_s == 20


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (400, "python -m kibana"),
        (403, "right to manage saved objects"),
        (404, "base path"),
        (500, "base path"),
    ],
)
def test_a_refusal_ends_the_import_at_once_and_names_the_remedy(
    run_import: Import,
    kibana: FakeKibana,
    clock: Clock,
    status: int,
    remedy: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    kibana.import_faults = [status]
    assert run_import() == EXIT_FAILURE
    assert (imports(kibana), clock.pauses_s) == (1, [])
    error = capsys.readouterr().err
    assert f"status {status}: 'a fault of the test'" in error
    assert remedy in error


def test_a_refused_question_about_the_status_ends_the_import_too(run_import: Import, kibana: FakeKibana) -> None:
    kibana.status_faults = [403]
    assert run_import() == EXIT_FAILURE
    assert imports(kibana) == 0


def test_an_account_that_a_starting_elasticsearch_does_not_know_yet_is_tried_again(
    run_import: Import, kibana: FakeKibana
) -> None:
    kibana.status_faults, kibana.import_faults = [401] * 3, [401] * 3
    assert run_import() == EXIT_OK
    assert imports(kibana) == 4


@pytest.mark.parametrize("deadline_s", [10, 300])
def test_an_account_that_is_refused_for_half_a_minute_ends_the_import_and_names_the_remedy(
    run_import: Import, kibana: FakeKibana, clock: Clock, deadline_s: int, capsys: pytest.CaptureFixture[str]
) -> None:
    kibana.import_faults = [401] * 100
    assert run_import("--deadline", str(deadline_s)) == EXIT_FAILURE
    assert clock.now_s <= min(deadline_s, 60)
    assert "BP_ELASTICSEARCH_PASSWORD" in capsys.readouterr().err


def test_the_account_of_elasticsearch_signs_in(run_import: Import, kibana: FakeKibana, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("quatre lampes bleues é\n")
    kibana.account = ("bp_kibana_import", "quatre lampes bleues é")
    account = {"BP_ELASTICSEARCH_USER": "bp_kibana_import", "BP_ELASTICSEARCH_PASSWORD": f"@{secret}"}
    assert run_import(**account) == EXIT_OK
    assert run_import(**account | {"BP_ELASTICSEARCH_PASSWORD": "wrong"}) == EXIT_FAILURE
    assert run_import() == EXIT_FAILURE


def test_an_account_without_rights_is_told_so(
    run_import: Import, kibana: FakeKibana, capsys: pytest.CaptureFixture[str]
) -> None:
    kibana.may_import = False
    assert run_import() == EXIT_FAILURE
    assert "right to manage saved objects" in capsys.readouterr().err


def test_each_object_that_failed_is_named_with_its_reason_although_the_status_is_200(
    run_import: Import, kibana: FakeKibana, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = {"type": "missing_references", "references": [{"type": "index-pattern", "id": "bp-none"}]}
    kibana.object_faults = {"bp-ward": missing, "bp-observations": {"type": "unknown", "message": "too new"}}
    assert run_import() == EXIT_FAILURE
    told = capsys.readouterr()
    assert "FAILED dashboard bp-ward: missing_references: index-pattern bp-none" in told.out
    assert "FAILED index-pattern bp-observations: unknown: too new" in told.out
    assert "imported 0 of 2 objects and names 2 that failed" in told.err


def test_a_partial_failure_is_a_failure(
    run_import: Import, kibana: FakeKibana, capsys: pytest.CaptureFixture[str]
) -> None:
    kibana.object_faults = {"bp-ward": {"type": "unsupported_type"}}
    assert run_import() == EXIT_FAILURE
    assert "imported 1 of 2 objects and names 1 that failed" in capsys.readouterr().err
    kibana.object_faults = {}
    assert run_import() == EXIT_OK


def test_an_object_that_gets_lost_in_silence_is_noticed(
    run_import: Import, kibana: FakeKibana, capsys: pytest.CaptureFixture[str]
) -> None:
    kibana.lost = {"bp-ward"}
    assert run_import() == EXIT_FAILURE
    assert "imported 1 of 2 objects and names 0 that failed" in capsys.readouterr().err


@pytest.mark.parametrize(
    "outcome",
    [
        {},
        {"success": False, "successCount": 2},
        {"success": "true", "successCount": 2},
        {"success": True, "successCount": 3},
        {"success": True},
        {"success": True, "successCount": 2, "errors": [{}]},
    ],
)
def test_nothing_but_complete_success_is_success(outcome: dict[str, Any]) -> None:
    with pytest.raises(importer.ImportFailedError):
        importer.check_outcome(outcome, 2, lambda _: None)


def test_a_page_of_a_proxy_is_no_answer_of_kibana(
    run_import: Import, kibana: FakeKibana, capsys: pytest.CaptureFixture[str]
) -> None:
    kibana.page = b"<html>Please sign in</html>"
    assert run_import() == EXIT_FAILURE
    assert "status 200: '<html>Please sign in</html>'" in capsys.readouterr().err


def test_a_fault_of_encryption_is_not_waited_for(
    run_import: Import, kibana: FakeKibana, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_import("--url", kibana.url.replace("http:", "https:")) == EXIT_FAILURE
    assert clock.pauses_s == []
    assert "BP_ELASTICSEARCH_CA" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl on this machine")
def test_a_certificate_counts_only_with_the_authority_that_signed_it(
    run_import: Import, tmp_path: Path, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    make_missing(tmp_path / "tls", names_of({}))
    with fake_kibana.running(tmp_path / "tls" / "kibana.crt") as kibana:
        assert run_import("--url", kibana.url) == EXIT_FAILURE
        assert "certificate verify failed" in capsys.readouterr().err
        assert (kibana.requests, clock.pauses_s) == ([], [])
        assert run_import("--url", kibana.url, BP_ELASTICSEARCH_CA=str(tmp_path / "tls" / "ca.crt")) == EXIT_OK
        assert len(kibana.objects) == len(OBJECTS)


@pytest.mark.parametrize(
    ("content", "authority", "address", "expected"),
    [
        (None, "", None, "cannot be read (No such file or directory)"),
        ("\n", "", None, "holds no objects"),
        ("{}", "absent.pem", None, "BP_ELASTICSEARCH_CA cannot be used"),
        ("{}", "", "", "No address of Kibana"),
        ("{}", "", "kibana:5601", "BP_KIBANA_URL: String should match pattern"),
    ],
)
def test_what_is_wrong_here_is_said_before_kibana_is_asked(
    run_import: Import,
    kibana: FakeKibana,
    file: Path,
    content: str | None,
    authority: str,
    address: str | None,
    expected: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file.unlink()
    if content is not None:
        file.write_text(content)
    url = kibana.url if address is None else address
    assert run_import(BP_ELASTICSEARCH_CA=authority, BP_KIBANA_URL=url) == EXIT_FAILURE
    assert expected in capsys.readouterr().err
    assert kibana.requests == []
