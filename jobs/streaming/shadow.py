"""The challenger in the stream: its scores beside those of the model in service, from the same windows.

Nothing that goes wrong with it may reach the model in service: one that cannot be loaded, or fails in scoring, is
dropped, told in the log and in the metrics, and not tried again until it is appointed anew.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from conf.clinical import SHADOW_RISK_FIELDS
from jobs.streaming.predictions import RISK_DECIMALS, Prediction, Scored
from jobs.streaming.windows import Scorable
from ml.features import feature_matrix, hours_of_day
from ml.prediction import Bundle, Predictor
from ml.registry.bundles import load_bundle
from ml.registry.challenger import read_challenger
from ml.registry.pointer import Promotion

if TYPE_CHECKING:
    from pyspark import Broadcast, SparkContext

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A challenger that is no longer asked, since when (ISO 8601), and why."""

    version: str
    at: str
    why: str


class Challenger:
    """Follows ``models/challenger.json``, as `jobs.streaming.serving.ServingModel` follows the pointer in service."""

    def __init__(self, context: SparkContext, model_dir: Path) -> None:
        self._context = context
        self._model_dir = model_dir
        self._appointed: Promotion | None = None
        self._broadcast: Broadcast[Bundle] | None = None
        self._dropped: Dropped | None = None

    def beside(self, in_service: str) -> Broadcast[Bundle] | None:
        """Return the bundle that scores beside the version in service in the micro-batch that starts now, if any."""
        try:
            appointed = read_challenger(self._model_dir)
            if appointed != self._appointed:
                self._take(appointed)
        except Exception as error:
            self.drop(str(error))
        is_beside = self._broadcast is not None and self._broadcast.value.version != in_service
        return self._broadcast if is_beside else None

    def drop(self, why: str) -> None:
        """Ask the challenger no more until one is appointed anew."""
        version = self._appointed.version if self._appointed else "unknown"
        if self._dropped is None:
            log.error("the challenger %s is dropped, the model in service goes on: %s", version, why)
            self._dropped = Dropped(version, datetime.now(UTC).isoformat(timespec="milliseconds"), why)
        self._give_back()

    def told(self) -> dict[str, Any]:
        """Return what the metrics tell: the version that scores, None for none, and which one was dropped and why."""
        scoring = self._broadcast.value.version if self._broadcast else None
        return {"version": scoring, "dropped": asdict(self._dropped) if self._dropped else None}

    def _take(self, appointed: Promotion | None) -> None:
        self._give_back()
        self._appointed, self._dropped = appointed, None
        if appointed is not None:
            self._broadcast = self._context.broadcast(load_bundle(self._model_dir, appointed.version))
            log.info("model %s scores beside the one in service", appointed.version)

    def _give_back(self) -> None:
        if self._broadcast is not None:
            self._broadcast.unpersist()
        self._broadcast = None


def add_scores(scored: Sequence[Scored], scorable: Scorable, predictor: Predictor, zone: tzinfo) -> list[Scored]:
    """Return the predictions of these windows with the challenger's risks; raise ValueError if one is no number."""
    features = feature_matrix(scorable.windows)
    risks = predictor.risks(features, hours_of_day(scorable.windows.effective_us[:, -1], zone)).values
    if not np.isfinite(risks).all():
        raise ValueError("a risk of the challenger is no number")
    rows = [dict(zip(SHADOW_RISK_FIELDS, row, strict=True)) for row in np.round(risks, RISK_DECIMALS).tolist()]
    return [
        scoring._replace(
            prediction=msgspec.structs.replace(scoring.prediction, shadow_model_version=predictor.version, **row)
        )
        for scoring, row in zip(scored, rows, strict=True)
    ]


def without_scores(prediction: Prediction) -> Prediction:
    """Return a prediction as people see it."""
    return msgspec.structs.replace(prediction, **dict.fromkeys(("shadow_model_version", *SHADOW_RISK_FIELDS)))
