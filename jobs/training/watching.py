"""Whether crises go on to be as many as the risks say (`ml.evaluation.cusum`), and what risks say of themselves.

Without Spark. What a day adds is computed where its predictions are. The sums go on from those that an earlier run has
stored for the day before the first one that is judged again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa

from conf.clinical import HORIZONS_H, RISK_FIELDS, is_crisis
from conf.times import HOUR_US
from jobs.training.outcomes import TARGETS, common, is_complete
from ml.evaluation.bootstrap import plain
from ml.evaluation.cusum import LEAST_PATIENTS, LIMIT, accumulate, apart, likelihood_ratios, who_counts
from ml.evaluation.live import estimated_brier
from ml.evaluation.subgroups import ALL, HEADLINE

KIND: Final = "cusum"
SUMS: Final = ("cusum_more", "cusum_fewer")
ADDED: Final = ("added_more", "added_fewer")  # by the day alone; the first thing that is known of it

Document = dict[str, Any]
Key = tuple[str, int]  # version, horizon in hours


def day_documents(predictions: pa.Table, now_us: int) -> Iterator[Document]:
    """Write one document per horizon of what one version and UTC day adds, from all its predictions with targets."""
    newest_us = predictions["newest_us"].to_numpy()
    ids = predictions["patient_id"].combine_chunks().dictionary_encode()
    patient = ids.indices.to_numpy().astype(np.intp)
    calm = ~is_crisis(predictions["systolic"].to_numpy(), predictions["diastolic"].to_numpy())
    counted = np.flatnonzero(calm & who_counts(ids.dictionary.to_pylist())[patient])
    head = common(KIND, predictions["model_version"][0].as_py(), int(newest_us[0]), now_us)
    for horizon_h, risk_name, target_name in zip(HORIZONS_H, RISK_FIELDS, TARGETS, strict=True):
        chosen = counted[apart(patient[counted], newest_us[counted], horizon_h * HOUR_US)]
        target, risk = (predictions[name].to_numpy()[chosen] for name in (target_name, risk_name))
        known = ~np.isnan(target)
        if not known.any():
            continue
        added = likelihood_ratios(target[known], risk[known]).sum(axis=0)
        yield {
            **head,
            "horizon_h": horizon_h,
            "stratum": HEADLINE,
            "complete": is_complete(int(newest_us[0]), horizon_h, now_us),
            "patients": len(np.unique(patient[chosen][known])),
            "rows": int(known.sum()),
            "events": int(target[known].sum()),
            "expected_events": plain(risk[known].sum()),
            **{name: plain(value) for name, value in zip(ADDED, added.tolist(), strict=True)},
        }


def estimate_documents(predictions: pa.Table, now_us: int) -> Iterator[Document]:
    """Write one document per horizon and subgroup of what the risks of one version and day say of themselves.

    No outcome is needed, so that it is there as soon as the predictions are, beside that of kind ``quality`` later on.
    """
    calm = ~is_crisis(predictions["systolic"].to_numpy(), predictions["diastolic"].to_numpy())
    newest_us = int(predictions["newest_us"][0].as_py())
    head = common("estimate", predictions["model_version"][0].as_py(), newest_us, now_us)
    for horizon_h, risk_name in zip(HORIZONS_H, RISK_FIELDS, strict=True):
        risk = predictions[risk_name].to_numpy()
        for subgroup, rows in ((ALL, np.ones_like(calm)), (HEADLINE, calm)):
            if rows.any():
                yield {
                    **head,
                    "horizon_h": horizon_h,
                    "stratum": subgroup,
                    "complete": is_complete(newest_us, 0, now_us),
                    "rows": int(rows.sum()),
                    "expected_events": plain(risk[rows].sum()),
                    "estimated_brier": plain(estimated_brier(risk[rows])),
                }


def sum_up(days: Iterable[Document], before: Mapping[Key, Document]) -> Iterator[Document]:
    """Add the sums at the end of each day; `before` are the documents that they go on from.

    `is_off` where one has reached the limit, on a day of patients enough: right risks would hardly ever bring it there.
    """
    by_key: dict[Key, list[Document]] = {}
    for document in sorted(days, key=lambda each: str(each["@timestamp"])):
        by_key.setdefault((document["model_version"], document["horizon_h"]), []).append(document)
    for key, documents in by_key.items():
        last = before.get(key, dict.fromkeys(SUMS, 0.0))
        added = np.array([[document[name] for name in ADDED] for document in documents])
        sums = accumulate(added, np.array([last[name] for name in SUMS]))
        for document, reached in zip(documents, sums, strict=True):
            told: Document = {name: plain(value) for name, value in zip(SUMS, reached.tolist(), strict=True)}
            is_off = bool(reached.max() >= LIMIT) and document["patients"] >= LEAST_PATIENTS
            yield {**document, **told, "cusum_limit": LIMIT, "is_off": is_off}
