"""The record of one patient: standing readings and predictions as columns by time, read in bulk.

Elasticsearch gives numbers alone out of the columns of its index, several times faster than documents. It keeps them as
binary fractions of 32 bits; rounded, they are again what was stored. Of the few readings of which another thing than
their numbers counts the whole document is at hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import numpy as np
from elasticsearch import Elasticsearch
from numpy.typing import NDArray

from alerts.findings import Limits, read_limits
from conf.clinical import ALERT_RISK_FIELD
from conf.times import MILLISECOND_US, iso_us, present_until, to_us
from elastic.client import Document, Query
from elastic.columns import read_columns
from elastic.names import OBSERVATIONS, PREDICTIONS, months_between
from elastic.search.observations import PRESSURES, standing
from elastic.search.queries import all_of, between, present, term

Flags = NDArray[np.bool_]
Instants = NDArray[np.int64]

DECIMALS: Final = {"systolic": 3, "diastolic": 3, ALERT_RISK_FIELD: 6}  # of stored values, and what 32 bits can tell


@dataclass(frozen=True)
class Columns:
    """Readings, or predictions, of one patient by time; all of shape (m,). `arrived` names when each was stored."""

    arrived: str
    at_us: Instants
    arrived_us: Instants
    values: Mapping[str, NDArray[np.float64]]

    def documents(self, kept: Flags) -> Iterator[Document]:
        """Yield those that are kept as the documents they were."""
        times = (self.at_us[kept].tolist(), self.arrived_us[kept].tolist())
        values = [column[kept].tolist() for column in self.values.values()]
        for at_us, arrived_us, *row in zip(*times, *values, strict=True):
            known = zip(self.values, row, strict=True)
            yield {"@timestamp": iso_us(at_us), self.arrived: iso_us(arrived_us), **dict(known)}

    def where(self, kept: Flags) -> Columns:
        """Return those that are kept."""
        values = {name: column[kept] for name, column in self.values.items()}
        return Columns(self.arrived, self.at_us[kept], self.arrived_us[kept], values)


@dataclass(frozen=True)
class Aside:
    """What is known of one patient besides the columns.

    `whole` are readings by their instant that count for more than their numbers, `retracted` those that were taken
    back, `events` what people said, `own` what was set for the patient.
    """

    whole: Mapping[int, Document] = field(default_factory=dict)
    retracted: Sequence[Document] = ()
    events: Sequence[Document] = ()
    own: Document | None = None

    @property
    def limits(self) -> Limits | None:
        """Return the limits that were set for the patient."""
        return read_limits(self.own) if self.own else None


@dataclass(frozen=True)
class Record:
    """All that stands of one patient."""

    patient_id: str
    readings: Columns
    predictions: Columns
    aside: Aside = Aside()


def read(client: Elasticsearch, patient_id: str, since: datetime, until: datetime, aside: Aside) -> Record:
    """Return the record of a patient from one moment to another; a prediction stands unless its reading does not.

    `client` is that of `elastic.columns`.
    """
    whose = all_of(term("patient_id", patient_id), between("@timestamp", since), present(until))
    spans = {family: months_between(family, since, present_until(until)) for family in (OBSERVATIONS, PREDICTIONS)}
    of_readings = (spans[OBSERVATIONS], standing(whose, PRESSURES), ["ingested_at"], ["systolic", "diastolic"])
    of_predictions = (spans[PREDICTIONS], whose, ["scored_at"], ["systolic", "diastolic", ALERT_RISK_FIELD])
    readings, predictions = (_read(client, *of) for of in (of_readings, of_predictions))
    stand = ~np.isin(predictions.at_us, instants_us(aside.retracted, "@timestamp"))
    return Record(patient_id, readings, predictions.where(stand), aside)


def _read(client: Elasticsearch, index: str, query: Query, dates: Sequence[str], numbers: Sequence[str]) -> Columns:
    """Read the columns of a patient in one family; the only date tells when each document was stored."""
    found = read_columns(client, index, query, "@timestamp", dates, numbers)
    (arrived,) = dates
    at_us, arrived_us = (found[name] * MILLISECOND_US for name in ("@timestamp", arrived))
    return Columns(arrived, at_us, arrived_us, {name: found[name].round(DECIMALS[name]) for name in numbers})


def instants_us(documents: Iterable[Document], name: str) -> Instants:
    """Return a time of each of some documents, in microseconds."""
    return np.array([to_us(datetime.fromisoformat(document[name])) for document in documents], np.int64)
