"""How many windows a model needs to learn from, by the criteria of Riley and others.

Riley RD, Ensor J, Snell KIE, et al. "Calculating the sample size required for developing a clinical prediction model",
BMJ 2020;368:m441, for binary outcomes: the overall risk is known to within 0.05, coefficients have to be shrunk by no
more than a tenth, and the apparent R² is optimistic by no more than 0.05 (of Nagelkerke's, which is a share of the
largest that there can be). The fourth of the paper, on the mean error of single risks, is known for up to 30 parameters
only. All hold for a regression with so many parameters and for people who each stand in the data once; trees need
more, and windows of one patient are worth less than as many patients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import ceil, exp, log, log1p
from typing import Any, Final

from ml.evaluation.bootstrap import plain
from ml.evaluation.names import HORIZONS, OURS
from ml.inputs import INPUT_NAMES

MARGIN: Final = 0.05  # of the overall risk, either side
SHRINKAGE: Final = 0.9
OPTIMISM: Final = 0.05  # of Nagelkerke's R²
Z_95: Final = 1.96


@dataclass(frozen=True, slots=True)
class SampleSize:
    """The least number of rows by each criterion."""

    overall_risk: int
    shrinkage: int
    optimism: int

    @property
    def needed(self) -> int:
        """Return what all criteria together ask for."""
        return max(self.overall_risk, self.shrinkage, self.optimism)


def sample_size(prevalence: float, r2: float, parameters: int) -> SampleSize:
    """Return how many rows `parameters` coefficients need; `r2` is the R² of Cox and Snell that a model will reach.

    Raises `ValueError` for an `r2` that no model can reach at this prevalence, and for none at all.
    """
    greatest = greatest_r2(prevalence)
    if not 0 < r2 < greatest:
        raise ValueError(f"an R² of {r2:g} is not above 0 and below {greatest:g}, the greatest at this prevalence")
    return SampleSize(
        overall_risk=ceil((Z_95 / MARGIN) ** 2 * prevalence * (1 - prevalence)),
        shrinkage=_rows_for(SHRINKAGE, r2, parameters),
        optimism=_rows_for(r2 / (r2 + OPTIMISM * greatest), r2, parameters),
    )


def _rows_for(shrinkage: float, r2: float, parameters: int) -> int:
    """Return how many rows leave coefficients at this share of their size."""
    return ceil(parameters / ((shrinkage - 1) * log1p(-r2 / shrinkage)))


def greatest_r2(prevalence: float) -> float:
    """Return the R² of Cox and Snell of a model that knows every outcome."""
    return 1 - exp(2 * _log_likelihood(prevalence))


def r2_of(log_loss: float, prevalence: float) -> float:
    """Return the R² of Cox and Snell of a model with this mean log loss."""
    return 1 - exp(2 * (log_loss + _log_likelihood(prevalence)))


def _log_likelihood(prevalence: float) -> float:
    """Return that of telling everybody the prevalence, per row."""
    return prevalence * log(prevalence) + (1 - prevalence) * log(1 - prevalence)


def sample_sizes(train: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """Return by horizon what the logistic regression on all inputs needs, and what there is to learn from.

    `train` counts the training rows (`ml.report.card.counted`), `found` is what `evaluate_part` says of all test
    windows: the share of the greatest R² that is reached on them stands for the one to be reached. A horizon at which
    there is none is left out.
    """
    sizes: dict[str, Any] = {}
    for horizon in HORIZONS:
        events, known = train["events"][horizon], round(train["rows"] * (1 - train["censored_share"][horizon]))
        log_loss, prevalence = found[horizon]["models"][OURS]["log_loss"]["value"], found[horizon]["prevalence"]
        if log_loss is None or not (0 < events < known and 0 < prevalence < 1):
            continue
        share = r2_of(log_loss, prevalence) / greatest_r2(prevalence)
        if 0 < share < 1:
            r2 = share * greatest_r2(events / known)
            needed = sample_size(events / known, r2, len(INPUT_NAMES))
            sizes[horizon] = {
                **{"prevalence": plain(events / known), "r2": plain(r2), "parameters": len(INPUT_NAMES)},
                **asdict(needed),
                **{"needed": needed.needed, "rows": known, "patients": train["patients"], "events": events},
            }
    return sizes
