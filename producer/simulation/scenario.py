"""The scenarios in which patients are observed: the usual one, and another that no model was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from conf.times import MINUTE_US
from producer.simulation.cuff import ARTEFACT_SHARE, GAP_SHARE
from producer.simulation.patients import MIXTURE
from producer.simulation.readings import Plan


@dataclass(frozen=True, slots=True)
class Scenario:
    """Who is observed and how; `episode_factor` is relative to the rate that the caller asks for.

    `every` are shares of the patients on record who measure at every k-th interval only.
    """

    mixture: Mapping[str, float]
    interval_minutes: int
    every: Mapping[int, float]
    gap_share: float
    artefact_share: float
    device_bias: tuple[float, float]
    episode_factor: float

    def plan(self, seed: int, epoch_us: int, episode_factor: float = 1.0) -> Plan:
        """Return the plan of a simulation in this scenario."""
        return Plan(
            seed=seed,
            epoch_us=epoch_us,
            interval_us=self.interval_minutes * MINUTE_US,
            episode_factor=episode_factor * self.episode_factor,
            gap_share=self.gap_share,
            artefact_share=self.artefact_share,
            device_bias=self.device_bias,
        )


USUAL: Final = Scenario(
    MIXTURE, 15, MappingProxyType({1: 0.7, 2: 0.2, 4: 0.1}), GAP_SHARE, ARTEFACT_SHARE, (0.0, 0.0), 1.0
)
# Another hospital: older patients, more of them referred; its cuffs read high, measure less often and fail more often.
SHIFTED: Final = Scenario(
    mixture=MappingProxyType({"elderly": 0.4, "referred": 0.35, "treated": 0.15, "normotensive": 0.1}),
    interval_minutes=20,
    every=MappingProxyType({1: 1.0}),
    gap_share=0.25,
    artefact_share=0.03,
    device_bias=(4.0, 2.0),
    episode_factor=0.5,
)
