"""What the API answers about all patients together."""

from __future__ import annotations

from typing import Final

from pydantic import AliasChoices, Field

from webapp.api.models import Counts, Output, When
from webapp.api.parameters import Level

SHARE: Final = (
    "Share of the documents that the counts were made of; below 1, with more than a million documents, a random sample "
    "stands for all."
)


class LevelCounts(Counts):
    """Predictions of each level over an interval."""

    timestamp: When = Field(
        validation_alias=AliasChoices("@timestamp", "timestamp"), description="Beginning of the interval."
    )


class Span(Output):
    """What a figure is about: [from, to)."""

    from_: When = Field(serialization_alias="from", description="First instant.")
    to: When = Field(description="The instant that ends it.")


class Categories(Output):
    """Readings of each category."""

    low: int = 0
    normal: int = 0
    elevated: int = 0
    stage_1: int = 0
    stage_2: int = 0
    severe: int = 0


class Summary(Span):
    """The ward in figures."""

    patients: Counts = Field(description="Patients by the alert level of their newest prediction, whatever its age.")
    readings: Categories = Field(description="Readings in the span by category.")
    share: float = Field(description=SHARE)


class LevelHistory(Span):
    """How many predictions had each level, hour by hour."""

    items: list[LevelCounts] = Field(description="Hours in time's order.")
    share: float = Field(description=SHARE)


class AgeGroup(Output):
    """Patients whose newest reading has an age in [above_minutes, below_minutes)."""

    above_minutes: int = Field(description="Least age in minutes.")
    below_minutes: int | None = Field(None, description="Age in minutes that is not reached; null: no limit.")
    patients: int = Field(description="Patients in the group.")


class FreshnessReport(Output):
    """How old the newest readings are."""

    items: list[AgeGroup] = Field(description="Youngest first.")


class LevelBurden(Output):
    """What one level asked of people."""

    predictions: int = Field(description="Predictions of this level.")
    patients: int | None = Field(None, description="Patients who had it; null beyond two million predictions.")


class Burden(Span):
    """What the alarms asked of people, and what people thought of it."""

    patients: int = Field(
        description="Patients with predictions; with a share below 1, those with a prediction after `from`."
    )
    share: float = Field(description=SHARE)
    levels: dict[Level, LevelBurden] = Field(description="By level.")
    acknowledged: int = Field(description="Acknowledgements.")
    useful: int = Field(description="Alerts that somebody called useful.")
    useless: int = Field(description="Alerts that somebody called not useful.")
    seconds_to_answer: float | None = Field(None, description="Median seconds from an alert to its first answer.")
