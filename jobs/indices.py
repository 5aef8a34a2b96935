"""Names and ids of the Elasticsearch documents, and the templates that must exist before the first write.

Ids are made of content (patient and instant), never of sending or batch, and the month of an index is the month of the
*event*: a replayed or resent reading therefore always meets its own document.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from elasticsearch import ApiError, Elasticsearch, TransportError

from conf.errors import UserError

OBSERVATIONS: Final = "blood-pressure-observations"
PREDICTIONS: Final = "blood-pressure-predictions"
LATEST: Final = "blood-pressure-latest"
REJECTED: Final = "blood-pressure-rejected"
MODEL_MONITORING: Final = "blood-pressure-model-monitoring"

TEMPLATE_DIR: Final = Path(__file__).resolve().parent.parent / "conf" / "elasticsearch"
COMPONENT_PREFIX: Final = "component-"
TEMPLATE_PREFIX: Final = "template-"
NAME_PREFIX: Final = "blood-pressure-"

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECONDS_PER_DAY: Final = 86_400_000_000
MAX_ID_BYTES: Final = 512  # the limit of Elasticsearch


class TemplateError(UserError):
    """The index templates could not be created, so nothing may be written."""


def monthly_index(family: str, effective_us: int) -> str:
    """Name the monthly index of `family` for an effective time in microseconds since the epoch."""
    return family + _month_suffix(effective_us // MICROSECONDS_PER_DAY)


@lru_cache(maxsize=4096)
def _month_suffix(day: int) -> str:
    return f"-{EPOCH + timedelta(days=day):%Y.%m}"


def instant_id(patient_id: str, effective_us: int) -> str:
    """Id of a patient's document of one instant; a text beyond Elasticsearch's limit is replaced by its SHA-256."""
    return fit_id(f"{patient_id}|{effective_us}")


def fit_id(text: str) -> str:
    """Return `text` if Elasticsearch takes it as an id (1 to 512 bytes), else its SHA-256."""
    encoded = text.encode("utf-8")
    return text if len(encoded) <= MAX_ID_BYTES else hashlib.sha256(encoded).hexdigest()


def rejected_id(topic: str, partition: int, offset: int, entry: int | None) -> str:
    """Id of a rejected document: where in the topic it came from, with the entry of a Bundle or line."""
    whole = f"{topic}-{partition}-{offset}"
    return whole if entry is None else f"{whole}-{entry}"


def isoformat_us(instant_us: int) -> str:
    """Write microseconds since the epoch as an ISO 8601 text in UTC, to the millisecond that Elasticsearch keeps."""
    return f"{_day_text(instant_us // MICROSECONDS_PER_DAY)}T{_clock_text(instant_us % MICROSECONDS_PER_DAY)}"


@lru_cache(maxsize=4096)
def _day_text(day: int) -> str:
    return (EPOCH + timedelta(days=day)).date().isoformat()


def _clock_text(of_day_us: int) -> str:
    seconds, below_us = divmod(of_day_us, 1_000_000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02d}:{minute:02d}:{second:02d}.{below_us // 1000:03d}Z"


def put_templates(client: Elasticsearch, directory: Path = TEMPLATE_DIR) -> None:
    """Create or renew the component templates and index templates; raise `TemplateError` if one is refused."""
    components = dict(_read_all(directory, COMPONENT_PREFIX))
    try:
        for name, body in components.items():
            client.cluster.put_component_template(name=name, template=body["template"], meta=body["_meta"])
        for name, body in _read_all(directory, TEMPLATE_PREFIX):
            client.indices.put_index_template(name=name, **_arguments(body))
            _renew_mapping(client, [body, *(components[part] for part in body["composed_of"])])
    except ApiError as error:
        raise TemplateError(
            f"Elasticsearch refused the index templates ({error}). Check its version and the account's rights."
        ) from error
    except TransportError as error:
        raise TemplateError(
            f"Elasticsearch does not answer ({error}). Start it, or set BP_ELASTICSEARCH_URL to its address."
        ) from error


def _renew_mapping(client: Elasticsearch, template: list[dict[str, Any]]) -> None:
    """Give the indices that exist already (earlier months) the fields that a template has gained since."""
    mappings = (part.get("template", {}).get("mappings", {}) for part in template)
    properties = {name: field for mapping in mappings for name, field in mapping.get("properties", {}).items()}
    patterns = template[0]["index_patterns"]
    client.indices.put_mapping(index=patterns, properties=properties, allow_no_indices=True, ignore_unavailable=True)


def _read_all(directory: Path, prefix: str) -> list[tuple[str, dict[str, Any]]]:
    return [
        (NAME_PREFIX + path.stem.removeprefix(prefix), json.loads(path.read_text(encoding="utf-8")))
        for path in sorted(directory.glob(f"{prefix}*.json"))
    ]


def _arguments(body: dict[str, Any]) -> dict[str, Any]:
    return {key.lstrip("_"): value for key, value in body.items()}
