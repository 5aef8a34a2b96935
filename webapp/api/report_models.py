"""The report as the API answers it; the terms are those of `assessment.report`."""

from __future__ import annotations

from pydantic import Field

from assessment.report import Dipping
from webapp.api.models import Output, When


class ReportFigures(Output):
    """Figures of one measure: mmHg, or beats per minute; null without values."""

    count: int = Field(description="Values.")
    mean: float | None = Field(None, description="Plain mean.")
    minimum: float | None = Field(None, description="Lowest.")
    maximum: float | None = Field(None, description="Highest.")
    sd: float | None = Field(None, description="Standard deviation; null below two values.")


class ReportPeriod(Output):
    """The readings of the whole span, of its days or of its nights."""

    readings: int = Field(description="Readings.")
    systolic: ReportFigures = Field(description="Systolic pressure in mmHg.")
    diastolic: ReportFigures = Field(description="Diastolic pressure in mmHg.")
    mean_arterial_pressure: ReportFigures = Field(description="Mean arterial pressure in mmHg.")
    heart_rate: ReportFigures = Field(description="Heart rate per minute.")
    limit: list[float] = Field(min_length=2, max_length=2, description="Systolic and diastolic limit of the loads.")
    systolic_load: float | None = Field(None, description="Share of readings at or above the systolic limit (0 to 1).")
    diastolic_load: float | None = Field(None, description="The same of the diastolic limit.")


class ReportHour(Output):
    """Means of one hour of the clock; null where nothing was measured."""

    start: When = Field(description="Beginning of the hour.")
    readings: int = Field(description="Readings.")
    systolic: float | None = Field(None, description="Mean systolic pressure in mmHg.")
    diastolic: float | None = Field(None, description="Mean diastolic pressure in mmHg.")
    heart_rate: float | None = Field(None, description="Mean heart rate per minute.")


class ReportQuality(Output):
    """Whether there are enough readings to judge by."""

    expected: int = Field(description="Readings that the expected interval gives.")
    valid: int = Field(description="Plausible readings.")
    valid_share: float = Field(description="Of the expected ones, at most 1.")
    day_readings: int = Field(description="Valid readings by day.")
    night_readings: int = Field(description="Valid readings by night.")
    sufficient: bool = Field(description="At least 70 % valid, 20 by day and 7 by night.")


class PatientReport(Output):
    """The summary of a patient's readings as ambulatory monitoring gives it."""

    patient_id: str = Field(description="Pseudonymous id of the patient.")
    start: When = Field(description="First instant.")
    end: When = Field(description="The instant that ends it.")
    whole: ReportPeriod = Field(description="Day and night.")
    day: ReportPeriod = Field(description="By day.")
    night: ReportPeriod = Field(description="By night.")
    hours: list[ReportHour] = Field(description="Hour by hour.")
    dipping: Dipping = Field(description="How the pressure falls by night.")
    night_day_ratio: float | None = Field(None, description="Mean systolic pressure by night over that by day.")
    quality: ReportQuality = Field(description="Whether the figures can be relied on.")
