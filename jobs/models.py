"""The model in service: the published bundle, broadcast to the workers and swapped while the stream runs."""

from __future__ import annotations

import logging
from pathlib import Path

from pyspark import Broadcast, SparkContext

from ml.prediction import Bundle
from ml.registry import BundleError, current_version, load_bundle

log = logging.getLogger(__name__)


class ServingModel:
    """Follows ``models/current.json``; a bundle that cannot be used is refused and the one in service stays."""

    def __init__(self, context: SparkContext, model_dir: Path) -> None:
        self._context = context
        self._model_dir = model_dir
        self._refused: str | None = None
        self._broadcast = self._load(self._published())

    def current(self) -> Broadcast[Bundle]:
        """The bundle for the micro-batch that starts now."""
        try:
            version = self._published()
            if version not in (self._broadcast.value.version, self._refused):
                self._swap(version)
        except BundleError as error:
            self._refuse(str(error))
        return self._broadcast

    def _published(self) -> str:
        version = current_version(self._model_dir)
        if version is None:
            raise BundleError(f"There is no model in {self._model_dir}. Train one first: ./spark-submit.sh retrain.")
        return version

    def _swap(self, version: str) -> None:
        try:
            successor = self._load(version)
        except BundleError:
            self._refused = version
            raise
        self._broadcast.unpersist()
        log.info("model %s replaces %s", version, self._broadcast.value.version)
        self._broadcast, self._refused = successor, None

    def _load(self, version: str) -> Broadcast[Bundle]:
        return self._context.broadcast(load_bundle(self._model_dir, version))

    def _refuse(self, why: str) -> None:
        log.error("model refused, %s stays in service: %s", self._broadcast.value.version, why)
