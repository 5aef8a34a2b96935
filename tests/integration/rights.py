"""What each account of Elasticsearch may do, by the table of docs/operations.md, as requests that are really sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from elasticsearch import ApiError, Elasticsearch

from elastic.names import (
    ALERT_EVENTS,
    ALERT_RULES,
    ALERT_SERVICE,
    ALERTS,
    AUDIT,
    LATEST,
    LOCATIONS,
    MODEL_MONITORING,
    MODEL_PROMOTIONS,
    NOTIFICATIONS,
    OBSERVATIONS,
    PATIENT_RULES,
    PREDICTIONS,
    REJECTED,
    STAYS,
    WARDS,
    all_months,
)

STREAM, ALERTING, RETRAIN, SITE, PRUNE, IMPORT, READER = (
    "bp_stream",
    "bp_alerts",
    "bp_retrain",
    "bp_site",
    "bp_prune",
    "bp_kibana_import",
    "bp_kibana_reader",
)
ACCOUNTS: Final = (STREAM, ALERTING, RETRAIN, SITE, PRUNE, IMPORT, READER)
NOBODY: Final[frozenset[str]] = frozenset()
FORBIDDEN: Final = 403

MONTH: Final = "2001.01"  # far from any real reading
READINGS, SCORES, AUDIT_MONTH = (f"{family}-{MONTH}" for family in (OBSERVATIONS, PREDICTIONS, AUDIT))
LONG_AGO: Final = "2001-01-01T00:00:00Z"
STAMP: Final = {"@timestamp": LONG_AGO}
OWN_STAMPS: Final = {  # of indices whose documents are no events
    ALERTS: {"raised_at": LONG_AGO},
    ALERT_SERVICE: {"changed_at": LONG_AGO},
    PATIENT_RULES: {"changed_at": LONG_AGO},
    STAYS: {"told_at": LONG_AGO},
    WARDS: {"written_at": LONG_AGO},
    LOCATIONS: {"told_at": LONG_AGO},
    NOTIFICATIONS: {"at": LONG_AGO},
    ALERT_RULES: {"saved_at": LONG_AGO},
    MODEL_PROMOTIONS: {"asked_at": LONG_AGO},
}
TEMPLATE: Final = {"index_patterns": [all_months(AUDIT)], "priority": 900}
CLUSTER_SETTING: Final = {"persistent": {"indices.id_field_data.enabled": None}}
USER: Final = {"password": "sixteen-characters", "roles": ["superuser"]}

Request = tuple[str, str, Mapping[str, Any] | None]


@dataclass(frozen=True)
class Action:
    """A request, who may send it, and what there must be before."""

    what: str
    request: Request
    allowed: frozenset[str]
    needs: tuple[Request, ...] = field(default=())

    def attempt(self, superuser: Elasticsearch, client: Elasticsearch) -> int:
        """Return the status of the request, after its needs have been seen to."""
        for need in self.needs:
            assert send(superuser, need) < 300, need
        return send(client, self.request)


def send(client: Elasticsearch, request: Request) -> int:
    """Send a request and return its status."""
    method, path, body = request
    headers = {"accept": "application/json", "content-type": "application/json"}
    try:
        return client.perform_request(method, path, headers=headers, body=body).meta.status
    except ApiError as error:
        return error.status_code


def stamp(index: str) -> Mapping[str, Any]:
    """Return a document that the index takes."""
    return OWN_STAMPS.get(index, STAMP)


def put(index: str, id_: str = "kept") -> Request:
    """Store a document, whether it is there or not."""
    return "PUT", f"/{index}/_doc/{id_}", stamp(index)


def search(index: str) -> Request:
    """Read an index."""
    return "GET", f"/{index}/_search", None


def _reading(what: str, index: str, *accounts: str) -> Action:
    return Action(f"read {what}", search(index), frozenset(accounts), (put(index),))


def _reading_alias(what: str, index: str, *accounts: str) -> Action:
    """Return the reading of all months by their alias, which needs a document in one of them."""
    return Action(f"read {what} by alias", search(index.removesuffix(f"-{MONTH}")), frozenset(accounts), (put(index),))


def _storing(what: str, index: str, *accounts: str) -> Action:
    return Action(f"write {what}", put(index), frozenset(accounts))


def _deleting(what: str, index: str, *accounts: str) -> Action:
    return Action(f"delete {what}", ("DELETE", f"/{index}/_doc/gone", None), frozenset(accounts), (put(index, "gone"),))


def _dropping(what: str, index: str, *accounts: str) -> Action:
    return Action(f"delete {what} as a whole", ("DELETE", f"/{index}", None), frozenset(accounts), (put(index),))


def _forbidden(what: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> Action:
    return Action(what, (method, path, body), NOBODY)


def _all_actions() -> Iterator[Action]:
    """Yield each thing that somebody might try."""
    for what, index in (("readings", READINGS), ("predictions", SCORES)):
        yield _reading(what, index, STREAM, ALERTING, RETRAIN, SITE, PRUNE, READER)
        yield _reading_alias(what, index, STREAM, ALERTING, RETRAIN, SITE, PRUNE, READER)
        yield _storing(what, index, STREAM)
        yield _deleting(what, index, STREAM, PRUNE)
        yield _dropping(f"a month of {what}", index, PRUNE)
    for what, index in (("latest predictions", LATEST), ("refused messages", REJECTED)):
        yield _reading(what, index, STREAM, ALERTING, SITE, PRUNE, READER)
        yield _storing(what, index, STREAM)
        yield _deleting(what, index, STREAM, PRUNE)
        yield _forbidden(f"delete {what} as a whole", "DELETE", f"/{index}")
    yield _reading("figures of the model", MODEL_MONITORING, ALERTING, RETRAIN, SITE, READER)
    yield _storing("figures of the model", MODEL_MONITORING, RETRAIN)
    yield _deleting("figures of the model", MODEL_MONITORING)
    asking = ("PUT", f"/{MODEL_PROMOTIONS}/_create/new", stamp(MODEL_PROMOTIONS))
    gone = ("DELETE", f"/{MODEL_PROMOTIONS}/_doc/new", None)
    needs = (put(MODEL_PROMOTIONS, "new"), gone)
    yield Action("ask for the promotion of a model", asking, frozenset({SITE, RETRAIN}), needs)
    yield _reading("requests for a promotion", MODEL_PROMOTIONS, SITE, RETRAIN)
    yield Action(
        "answer a request for a promotion", put(MODEL_PROMOTIONS), frozenset({RETRAIN}), (put(MODEL_PROMOTIONS),)
    )
    yield _deleting("requests for a promotion", MODEL_PROMOTIONS)
    yield from _of_alerts()
    yield from _of_journals()
    yield from _of_the_cluster()


def _of_alerts() -> Iterator[Action]:
    yield _reading("alerts", ALERTS, ALERTING, SITE, PRUNE, READER)
    yield _storing("alerts", ALERTS, ALERTING)
    yield _deleting("alerts", ALERTS, PRUNE)
    yield _reading("rules of patients", PATIENT_RULES, ALERTING, SITE, PRUNE)
    yield _storing("rules of patients", PATIENT_RULES, SITE)
    yield _deleting("rules of patients", PATIENT_RULES, PRUNE)
    yield _reading("the alert service's place", ALERT_SERVICE, ALERTING, SITE)
    yield _storing("the alert service's place", ALERT_SERVICE, ALERTING)
    yield _deleting("the alert service's place", ALERT_SERVICE)
    yield _reading("who lies where", STAYS, STREAM, ALERTING, SITE, PRUNE)
    yield _storing("who lies where", STAYS, STREAM)
    yield _deleting("who lies where", STAYS, STREAM, PRUNE)
    yield _reading("places", LOCATIONS, STREAM)
    yield _storing("places", LOCATIONS, STREAM)
    yield _deleting("places", LOCATIONS)
    yield _reading("the lists of wards", WARDS, STREAM, ALERTING, SITE, PRUNE, READER)
    yield _storing("the lists of wards", WARDS, STREAM, ALERTING, PRUNE)
    yield _deleting("the lists of wards", WARDS, STREAM, ALERTING, PRUNE)
    yield _reading("messages about alerts", NOTIFICATIONS, ALERTING, SITE, PRUNE)
    yield _storing("messages about alerts", NOTIFICATIONS, ALERTING)
    yield _deleting("messages about alerts", NOTIFICATIONS, PRUNE)
    for index in (ALERTS, PATIENT_RULES, ALERT_SERVICE, STAYS, WARDS, LOCATIONS, NOTIFICATIONS):
        yield _forbidden(f"delete {index} as a whole", "DELETE", f"/{index}")


def _of_journals() -> Iterator[Action]:
    journals = (
        ("alert events", ALERT_EVENTS, frozenset({SITE, ALERTING})),
        ("audit", AUDIT_MONTH, frozenset({SITE})),
        ("versions of rules", ALERT_RULES, frozenset({SITE})),
    )
    for what, index, writers in journals:
        gone = ("DELETE", f"/{index}/_doc/new", None)
        adding = ("PUT", f"/{index}/_create/new", stamp(index))
        yield Action(f"add to the {what}", adding, writers, (put(index, "new"), gone))
        yield Action(f"overwrite the {what}", put(index), NOBODY, (put(index),))
        change = ("POST", f"/{index}/_update/kept", {"doc": stamp(index)})
        yield Action(f"change the {what}", change, NOBODY, (put(index),))
    yield _reading("alert events", ALERT_EVENTS, ALERTING, SITE, PRUNE, READER)
    yield _deleting("alert events", ALERT_EVENTS, PRUNE)
    yield _forbidden("delete alert events as a whole", "DELETE", f"/{ALERT_EVENTS}")
    yield _reading("versions of rules", ALERT_RULES, SITE, ALERTING)
    yield _deleting("versions of rules", ALERT_RULES)
    yield _forbidden("delete the versions of rules as a whole", "DELETE", f"/{ALERT_RULES}")
    yield _reading("audit", AUDIT_MONTH, SITE)
    yield _deleting("audit", AUDIT_MONTH)
    yield _dropping("a month of the audit", AUDIT_MONTH, PRUNE)


def _of_the_cluster() -> Iterator[Action]:
    yield _forbidden("put a template", "PUT", "/_index_template/intruder", TEMPLATE)
    yield _forbidden("remove a template", "DELETE", "/_index_template/blood-pressure-audit")
    yield _forbidden(
        "put a component template", "PUT", "/_component_template/blood-pressure-settings", {"template": {}}
    )
    writers = {
        LATEST: {STREAM},
        MODEL_MONITORING: {RETRAIN},
        ALERTS: {ALERTING},
        NOTIFICATIONS: {ALERTING},
        PATIENT_RULES: {SITE},
        ALERT_EVENTS: {SITE, ALERTING},
        STAYS: {STREAM},
        LOCATIONS: {STREAM},
        WARDS: {STREAM, ALERTING, PRUNE},
        ALERT_RULES: {SITE},
        MODEL_PROMOTIONS: {SITE, RETRAIN},
    }
    for index, accounts in writers.items():  # as writers do
        same = {"properties": {name: {"type": "date"} for name in stamp(index)}}
        yield Action(f"add fields to {index}", ("PUT", f"/{index}/_mapping", same), frozenset(accounts))
    yield _forbidden("close an index", "POST", f"/{LATEST}/_close")
    yield _forbidden("create an index", "PUT", "/elsewhere")
    yield _forbidden("write elsewhere", *put("elsewhere"))
    yield _forbidden("read elsewhere", *search(".security-7"))
    yield _forbidden("create a user", "PUT", "/_security/user/intruder", USER)
    yield _forbidden("create a role", "PUT", "/_security/role/intruder", {"cluster": ["all"]})
    yield _forbidden("create a key", "POST", "/_security/api_key", {"name": "intruder"})
    yield _forbidden(
        "change the cluster", "PUT", "/_cluster/settings", {"persistent": {"indices.id_field_data.enabled": None}}
    )
    yield _forbidden("see the cluster's state", "GET", "/_cluster/state")


ACTIONS: Final = tuple(_all_actions())


def require_exact_rights(action: Action, superuser: Elasticsearch, clients: Mapping[str, Elasticsearch]) -> None:
    """Let every account try: those that are meant must succeed, and all others must be told that they may not."""
    answers = {name: action.attempt(superuser, client) for name, client in clients.items()}
    allowed = {name for name, status in answers.items() if status < 300}
    refused = {name for name, status in answers.items() if status == FORBIDDEN}
    assert allowed == action.allowed, (action.what, answers)
    assert allowed | refused == set(ACCOUNTS), (action.what, answers)
