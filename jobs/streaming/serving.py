"""The model in service: the published bundle, broadcast to the workers and swapped while the stream runs."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from ml.prediction import Bundle
from ml.registry.bundles import BundleError, load_bundle
from ml.registry.pointer import Promotion, read_pointer

if TYPE_CHECKING:
    from pyspark import Broadcast, SparkContext

log = logging.getLogger(__name__)


class ServingModel:
    """Follows ``models/current.json``; a bundle that cannot be used is refused and the one in service stays.

    A refused version is not tried again until it is published again. With each version it is told if `min_readings`
    lets windows through that the version was not trained on.
    """

    def __init__(self, context: SparkContext, model_dir: Path, min_readings: int) -> None:
        self._context = context
        self._model_dir = model_dir
        self._min_readings = min_readings
        self._refused: Promotion | None = None
        self._broadcast = self._load(self._published().version)

    def current(self) -> Broadcast[Bundle]:
        """Return the bundle for the micro-batch that starts now."""
        try:
            promotion = self._published()
            if promotion.version != self._broadcast.value.version and promotion != self._refused:
                self._swap(promotion)
        except BundleError as error:
            log.error("model refused, %s stays in service: %s", self._broadcast.value.version, error)
        return self._broadcast

    def _published(self) -> Promotion:
        promotion = read_pointer(self._model_dir)
        if promotion is None:
            raise BundleError(f"There is no model in {self._model_dir}. Train one first: ./spark-submit.sh retrain.")
        return promotion

    def _swap(self, promotion: Promotion) -> None:
        try:
            successor = self._load(promotion.version)
        except BundleError:
            self._refused = promotion
            raise
        self._broadcast.unpersist()
        log.info("model %s replaces %s", promotion.version, self._broadcast.value.version)
        self._broadcast, self._refused = successor, None

    def _load(self, version: str) -> Broadcast[Bundle]:
        bundle = load_bundle(self._model_dir, version)
        if bundle.trained and self._min_readings < bundle.trained.least_readings:
            log.warning(
                "BP_MIN_READINGS is %d, but model %s was trained on windows of %d readings or more: with fewer its "
                "risks are far too high. Such predictions are marked out of range. Set BP_MIN_READINGS=%d, or retrain "
                "with the present setting.",
                *(self._min_readings, version, bundle.trained.least_readings, bundle.trained.least_readings),
            )
        return self._context.broadcast(bundle)
