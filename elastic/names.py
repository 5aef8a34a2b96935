"""Names and ids of the Elasticsearch documents, and the templates that must exist before the first write.

Ids are made of content (patient and instant), never of sending or batch, and the month of an index is the month of the
*event*: a replayed or resent reading therefore always meets its own document.
"""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from elasticsearch import ApiError, AuthenticationException, AuthorizationException, Elasticsearch, TransportError

from conf.errors import UserError
from conf.times import DAY_US, EPOCH
from elastic.bulk import no_answer

OBSERVATIONS: Final = "blood-pressure-observations"
PREDICTIONS: Final = "blood-pressure-predictions"
LATEST: Final = "blood-pressure-latest"
REJECTED: Final = "blood-pressure-rejected"
MODEL_MONITORING: Final = "blood-pressure-model-monitoring"

TEMPLATE_DIR: Final = Path(__file__).resolve().parent / "templates"
COMPONENT_PREFIX: Final = "component-"
TEMPLATE_PREFIX: Final = "template-"
NAME_PREFIX: Final = "blood-pressure-"

MAX_ID_BYTES: Final = 512  # the limit of Elasticsearch


class TemplateError(UserError):
    """The index templates could not be created, so nothing may be written."""


class TemplatesForbiddenError(TemplateError):
    """The account may not create index templates."""


def monthly_index(family: str, effective_us: int) -> str:
    """Name the monthly index of `family` for an effective time in microseconds since the epoch."""
    return family + _month_suffix(effective_us // DAY_US)


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


def put_templates(client: Elasticsearch, directory: Path = TEMPLATE_DIR) -> None:
    """Create or renew the component templates and index templates; raise `TemplateError` if one is refused."""
    components = dict(_read_all(directory, COMPONENT_PREFIX))
    try:
        for name, body in components.items():
            client.cluster.put_component_template(name=name, template=body["template"], meta=body["_meta"])
        for name, body in _read_all(directory, TEMPLATE_PREFIX):
            client.indices.put_index_template(name=name, **_arguments(body))
            _renew_mapping(client, body["index_patterns"], _fields(body, components))
    except AuthorizationException as error:
        raise TemplatesForbiddenError(
            "This account may not create index templates. Let set-up do it: python -m deploy.setup."
        ) from error
    except AuthenticationException as error:
        raise TemplateError(
            "Elasticsearch does not know this user with this password. Check BP_ELASTICSEARCH_USER and "
            "BP_ELASTICSEARCH_PASSWORD, or BP_ELASTICSEARCH_API_KEY."
        ) from error
    except ApiError as error:
        raise TemplateError(
            f"Elasticsearch refused the index templates ({error}). Check its version and the account's rights."
        ) from error
    except TransportError as error:
        raise TemplateError(no_answer(error)) from error


def create_standing_indices(client: Elasticsearch, directory: Path = TEMPLATE_DIR) -> None:
    """Create the indices that are no months, where they are missing, from the templates put before."""
    for name in _standing_fields(directory):
        if not client.indices.exists(index=name):
            client.indices.create(index=name)


def ensure_templates(client: Elasticsearch, directory: Path = TEMPLATE_DIR) -> None:
    """Put the templates; an account that may not must find that set-up has put those of this version.

    That shows in the standing indices, of which each account sees its own. Raises `TemplateError`.
    """
    try:
        put_templates(client, directory)
    except TemplatesForbiddenError as error:
        fields = _standing_fields(directory)
        found = client.indices.get_mapping(index=list(fields), ignore_unavailable=True, allow_no_indices=True)
        missing = [
            f"{name}.{field}"
            for name, index in found.items()
            for field in sorted(set(fields[name]) - set(index["mappings"].get("properties", {})))
        ]
        if missing or not found:
            raise TemplateError(
                f"Elasticsearch is not prepared for this version ({', '.join(missing) or 'no index is there'} is "
                "missing) and this account may not change that. Run set-up again: python -m deploy.setup."
            ) from error


def _standing_fields(directory: Path) -> dict[str, dict[str, Any]]:
    """The fields of each index that stands by its whole name in a template."""
    components = dict(_read_all(directory, COMPONENT_PREFIX))
    templates = (body for _, body in _read_all(directory, TEMPLATE_PREFIX))
    return {
        pattern: _fields(body, components)
        for body in templates
        for pattern in body["index_patterns"]
        if "*" not in pattern
    }


def _fields(template: dict[str, Any], components: dict[str, dict[str, Any]]) -> dict[str, Any]:
    parts = [template, *(components[part] for part in template["composed_of"])]
    mappings = (part.get("template", {}).get("mappings", {}) for part in parts)
    return {name: field for mapping in mappings for name, field in mapping.get("properties", {}).items()}


def _renew_mapping(client: Elasticsearch, patterns: list[str], properties: dict[str, Any]) -> None:
    """Give the indices that exist already (earlier months) the fields that a template has gained since."""
    client.indices.put_mapping(index=patterns, properties=properties, allow_no_indices=True, ignore_unavailable=True)


def _read_all(directory: Path, prefix: str) -> list[tuple[str, dict[str, Any]]]:
    return [
        (NAME_PREFIX + path.stem.removeprefix(prefix), json.loads(path.read_text(encoding="utf-8")))
        for path in sorted(directory.glob(f"{prefix}*.json"))
    ]


def _arguments(body: dict[str, Any]) -> dict[str, Any]:
    return {key.lstrip("_"): value for key, value in body.items()}
