"""The whole system on an Elasticsearch with security on: each account can do what it is for, and nothing else."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from pyspark.sql import SparkSession

from conf.errors import EXIT_FAILURE, EXIT_OK, UserError
from conf.times import to_us
from deploy.account_files import SUPERUSER, read_password, read_roles
from deploy.secrets import all_names
from elastic import client as elastic_client
from elastic.client import Search, connect
from elastic.connector import read_index
from elastic.names import (
    ALERT_EVENTS,
    ALERTS,
    ALL_INDICES,
    AUDIT,
    MODEL_MONITORING,
    OBSERVATIONS,
    PATIENT_RULES,
    all_months,
)
from jobs.monitor import monitor
from jobs.training.history import history_rows, observations_from_elasticsearch
from tests.integration.mixed import PATIENTS, Mixture, mixture
from tests.integration.pipeline import Pipeline, publish_model
from tests.integration.rights import (
    ACCOUNTS,
    ACTIONS,
    ALERTING,
    FORBIDDEN,
    IMPORT,
    PRUNE,
    READER,
    READINGS,
    RETRAIN,
    SITE,
    STAMP,
    STREAM,
    Action,
    require_exact_rights,
    search,
    send,
)
from tests.integration.secured import Secured, SecuredJob, run
from tests.unit.webapp.site import SAME_ORIGIN, Site, make_site

pytestmark = pytest.mark.integration


@dataclass(frozen=True)
class Ward:
    """What the stream was sent and has stored."""

    secured: Secured
    sent: Mixture
    log: str

    @property
    def newest(self) -> datetime:
        """Return the time of the newest reading."""
        found = self.secured.client().search(index=OBSERVATIONS, size=1, sort=[{"@timestamp": "desc"}])
        return datetime.fromisoformat(found["hits"]["hits"][0]["_source"]["@timestamp"])


@pytest.fixture(scope="module")
def ward(secured: Secured) -> Ward:
    """Run the stream, and then the alert service, each with its own account."""
    secured.empty()
    settings = secured.base.model_copy(update={"elasticsearch_user": STREAM})
    publish_model(settings.model_dir)
    job = SecuredJob(settings, password_file=secured.secrets / STREAM)
    sent = mixture()
    job.send_all(sent.messages)
    job.drain()
    keep_alerts(secured)
    return Ward(secured, sent, (settings.local_dir / "job.log").read_text())


def keep_alerts(secured: Secured) -> None:
    """Let the alert service come up to what is stored."""
    kept = run(secured.settings(ALERTING), secured.secrets / ALERTING, "alerts", "--once")
    assert kept.returncode == EXIT_OK, kept.stderr
    assert "WARNING" not in kept.stderr


@pytest.fixture(scope="module")
def site(ward: Ward, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Return the site with its own account, two minutes after the newest reading."""
    known = ward.secured.settings(SITE)
    made = make_site(
        tmp_path_factory.mktemp("site"),
        elasticsearch_url=known.elasticsearch_url,
        elasticsearch_user=known.elasticsearch_user,
        elasticsearch_password=known.elasticsearch_password,
    )
    made.clock.now = ward.newest + timedelta(minutes=2)
    return made


def test_stream_stores_everything_with_its_own_account(ward: Ward, spark: SparkSession) -> None:
    found = Pipeline(ward.secured.settings(STREAM), spark)
    expected = ward.sent.expected
    observations = found.observations()
    assert len(observations) == expected["observations"]
    assert len(found.latest()) == PATIENTS
    assert len(found.predictions()) > PATIENTS  # scored in several micro-batches
    assert Counter(document["reason"] for document in found.rejected().values()) == expected["rejected_by_reason"]
    statuses = Counter(document["status"] for document in observations.values())
    assert (statuses["entered-in-error"], statuses["corrected"]) == (expected["retracted"], expected["corrected"])


def test_no_password_is_in_the_log_of_the_job(ward: Ward) -> None:
    assert "jobs.streaming.progress" in ward.log
    assert not [name for name in all_names() if (ward.secured.secrets / name).read_text().strip() in ward.log]


def test_batch_jobs_read_with_their_own_account_and_write_their_figures(ward: Ward, spark: SparkSession) -> None:
    settings = ward.secured.settings(RETRAIN)
    observations = observations_from_elasticsearch(spark, settings, to_us(datetime.now(UTC)))
    rows = history_rows(observations, settings.min_readings, settings.zone)
    assert rows.count() > PATIENTS
    written = monitor(spark, settings, days=3, now=ward.newest + timedelta(days=1))
    client = connect(settings)
    superuser = ward.secured.client()
    superuser.indices.refresh(index=MODEL_MONITORING)
    assert client.count(index=MODEL_MONITORING)["count"] == written > 0


def test_alert_service_raises_what_the_stream_has_stored_with_its_own_account(ward: Ward) -> None:
    client = ward.secured.client(SITE)
    ward.secured.client().indices.refresh(index=ALERT_EVENTS)
    raised = client.search(index=ALERTS, size=1, query={"term": {"kind": "measured"}})["hits"]["hits"]
    assert raised
    told = client.search(index=ALERT_EVENTS, query={"term": {"alert_id": raised[0]["_source"]["alert_id"]}})
    assert "raised" in [hit["_source"]["event"] for hit in told["hits"]["hits"]]


def test_site_shows_answers_and_notes_with_its_own_account(ward: Ward, site: Site) -> None:
    nurse = site.signed_in("clinician", name="anne")
    # 1. the board and a patient on it
    assert nurse.get("/readyz", page=False).status_code == 200
    assert nurse.get("/").status_code == 200
    alerts = nurse.get("/api/v1/alerts", page=False).get_json(force=True)["items"]
    alert = next(alert for alert in alerts if alert.get("patient_id"))
    patient_id = alert["patient_id"]
    assert patient_id in nurse.get("/").get_data(as_text=True)
    assert nurse.get(f"/api/v1/patients/{patient_id}/observations", page=False).get_json(force=True)["items"]
    # 2. an alert is acknowledged, once; by the clock of the alert service, for which the answer would have run out
    site.clock.now = datetime.now(UTC)
    nurse, administrator = site.signed_in("clinician", name="paul"), site.signed_in("admin", name="root")
    path = f"/api/v1/alerts/{alert['alert_id']}/ack"
    answers = []
    for _ in range(2):
        answers.append(nurse.send("POST", path, json={"reason": "seen"}, headers=SAME_ORIGIN).status_code)
        keep_alerts(ward.secured)
    assert answers == [200, 409]
    # 3. who saw the patient is in the audit, which the administrator reads
    assert site.services.audit.flush()
    ward.secured.client().indices.refresh(index=all_months(AUDIT))
    assert patient_id in administrator.get("/admin/audit").get_data(as_text=True)


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.what)
def test_exactly_the_accounts_that_need_it_may(secured: Secured, action: Action) -> None:
    require_exact_rights(action, secured.client(), secured.clients())


def test_matrix_has_every_account() -> None:
    assert set(ACCOUNTS) == set(read_roles())


def test_reader_of_dashboards_who_asks_for_everything_gets_no_audit(ward: Ward, site: Site) -> None:
    assert site.services.audit.flush()
    found = ward.secured.client(READER).search(index=ALL_INDICES, aggs={"i": {"terms": {"field": "_index"}}})
    names = {bucket["key"] for bucket in found["aggregations"]["i"]["buckets"]}
    assert any(name.startswith(OBSERVATIONS) for name in names)
    assert not any("audit" in name for name in names)


def test_importer_of_dashboards_sees_no_index_at_all(secured: Secured) -> None:
    assert send(secured.client(IMPORT), search("*")) == FORBIDDEN


def test_retention_and_erasure_delete_with_their_own_account(secured: Secured) -> None:
    superuser, settings, password = secured.client(), secured.settings(PRUNE), secured.secrets / PRUNE
    body = STAMP | {"patient_id": "long-ago"}
    own = {"patient_id": "long-ago", "changed_at": STAMP["@timestamp"]}
    written = {READINGS: body, ALERT_EVENTS: body, ALERTS: own, PATIENT_RULES: own}
    for index, document in written.items():
        superuser.index(index=index, id="long-ago", document=document, refresh=True)
    erased = run(settings, password, "jobs.erase", "--patient", "long-ago", "--delete")
    assert erased.returncode == EXIT_OK, erased.stderr
    superuser.indices.refresh(index=list(written))
    assert superuser.count(index=list(written), query={"term": {"patient_id": "long-ago"}})["count"] == 0
    pruned = run(settings, password, "jobs.prune", "--delete")
    assert pruned.returncode == EXIT_OK, pruned.stderr
    assert not superuser.indices.exists(index=READINGS)


def test_index_that_an_account_may_not_read_looks_as_if_it_were_not_there(secured: Secured) -> None:
    # which is why the roles must hold everything that a program asks for: nothing would tell it
    found = Search(secured.client(RETRAIN)).ask(ALERT_EVENTS, {"size": 0})
    assert (found["_shards"]["total"], found["hits"]["total"]["value"]) == (0, 0)


def test_nobody_reads_without_signing_in(secured: Secured) -> None:
    assert send(connect(secured.base), search(OBSERVATIONS)) == 401


def test_wrong_password_ends_each_program_with_one_line(
    secured: Secured, tmp_path: Path, spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("not-the-password-at-all")
    settings = secured.base.model_copy(update={"elasticsearch_user": STREAM})
    said = SecuredJob(settings.model_copy(update={"checkpoint_dir": tmp_path}), password_file=wrong).refused()
    (complaint,) = [line for line in said.splitlines() if line.startswith("error: ")]
    assert "does not take this account" in complaint
    done = run(settings, wrong, "webapp.audit", "prune")
    assert (done.returncode, done.stderr.count("\n")) == (EXIT_FAILURE, 1)
    assert "unable to authenticate" in done.stderr
    locked_out = settings.model_copy(update={"elasticsearch_password": SecretStr(wrong.read_text())})
    monkeypatch.setattr(elastic_client, "RETRY_WAITS_S", (0,))
    with pytest.raises(UserError, match="BP_ELASTICSEARCH_USER"):
        read_index(spark, locked_out, OBSERVATIONS, ["patient_id"])


def test_embedded_node_is_asked_with_its_accounts_and_keeps_them(secured: Secured, tmp_path: Path) -> None:
    settings = secured.base.model_copy(update={"local_dir": secured.secrets.parent})
    password = secured.secrets / SUPERUSER
    assert read_password(secured.secrets, SUPERUSER)
    status = run(settings, password, "embedded", "status", "--only", "elasticsearch")
    assert (status.returncode, "healthy" in status.stdout) == (EXIT_OK, True), status.stderr
    other = ("--only", "elasticsearch", "--elasticsearch-accounts", str(tmp_path))
    refused = run(settings, password, "embedded", "start", *other)
    assert refused.returncode == EXIT_FAILURE
    assert f"already runs with the accounts of {secured.secrets}" in refused.stderr
