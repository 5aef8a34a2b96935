"""What goes into service, and what beside it: what was judged just now, or asked for by a named person or the rule.

Whoever calls this may write the folder of the models, which the site may not. The stream sees the moved pointer with
its next micro-batch.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from conf.clinical import ALERT_HORIZON_H
from conf.files import one_at_a_time
from elastic.client import Search
from elastic.search.promotions import Request, answer, ask, requests
from ml.evaluation.gates import Decision
from ml.evaluation.subgroups import HEADLINE
from ml.registry.bundles import BundleError, current_version, publish
from ml.registry.challenger import appoint, read_challenger

LOCK: Final = ".requests.lock"
VALID_FOR: Final = timedelta(days=1)  # what nobody has carried out for so long may be meant no more
RULE: Final = "rule"  # who asks where BP_PROMOTE_BY_RULE is set

log = logging.getLogger(__name__)


def conclude(
    model_dir: Path,
    version: str,
    decision: Decision,
    *,
    by: str,
    why: str,
    at: datetime,
    beside: bool = False,
    instead_of: str | None = None,
) -> None:
    """Put a version that was judged into service if it may, or `beside` the one there is, or tell why not.

    One that may only take the place of another, `instead_of`, goes into service where that one is.
    """
    for check in decision.checks:
        log.info("%s: %s", "passed" if check.passed else "FAILED", check.detail)
    report = model_dir / version / "report.html"
    if not decision.promote:
        log.warning("Model %s is kept but not published: %s", version, decision.reason)
    elif beside:
        appoint(model_dir, version, by=by, why=why, at=at)
        log.info("Model %s scores beside the one in service. Report: %s", version, report)
    elif instead_of not in (None, current_version(model_dir)):
        log.warning("Model %s is kept but not published: %s is not in service.", version, instead_of)
    else:
        publish(model_dir, version, by=by, why=why, at=at)
        log.info("Published model %s. Report: %s", version, report)


def carry_out(search: Search, model_dir: Path, now: datetime) -> int:
    """Answer the open requests, the oldest first; return how many there were."""
    with one_at_a_time(model_dir / LOCK):
        waiting = requests(search, "asked")[::-1]
        for request in waiting:
            refusal = _refusal(request, model_dir, now)
            if refusal is None:
                refusal = _publish(request, model_dir, now)
            log.info("%s asked for %s in service: %s", request.by, request.version, refusal or "done")
            answer(search, request, "refused" if refusal else "done", now, refusal)
    return len(waiting)


def _refusal(request: Request, model_dir: Path, now: datetime) -> str | None:
    """Return why a request is not carried out, in a word that the site has a sentence for; None: it is."""
    challenger = read_challenger(model_dir)
    if now - request.asked_at > VALID_FOR:
        return "too_old"
    if challenger is None or challenger.version != request.version:
        return "no_challenger"
    return None if current_version(model_dir) == request.instead_of else "other_in_service"


def _publish(request: Request, model_dir: Path, now: datetime) -> str | None:
    try:
        publish(model_dir, request.version, by=request.by, why=request.why, at=now)
    except BundleError as error:
        log.error("%s", error)
        return "not_usable"
    except OSError as error:
        log.error("The folder %s cannot be written (%s). Check its permissions.", model_dir, error.strerror)
        return "not_writable"
    return None


def ask_by_rule(search: Search, documents: Sequence[dict[str, Any]], now: datetime) -> bool:
    """Ask for a challenger that is ready and clearly better, by what `comparison_documents` found; tell whether so.

    At the alert horizon the interval of the difference of Brier scores lies below 0, at the others not above it.
    """
    judged = [document for document in documents if document["stratum"] == HEADLINE and document["ready"]]
    horizons = {document["horizon_h"]: document["brier_difference"] for document in judged}
    lows, highs = ([found[end] for found in horizons.values()] for end in ("low", "high"))
    if ALERT_HORIZON_H not in horizons or None in (*lows, *highs):
        return False
    if horizons[ALERT_HORIZON_H]["high"] >= 0 or max(lows) > 0 or requests(search, "asked"):
        return False
    told = judged[0]
    why = f"Better by the rule on {told['days']} days: Brier score {horizons[ALERT_HORIZON_H]['value']:+.5f}."
    versions = {"version": told["shadow_model_version"], "instead_of": told["model_version"]}
    ask(search, Request(asked_at=now, **versions, by=RULE, role=RULE, why=why, ready=True))
    return True
