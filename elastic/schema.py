"""Index templates, which must be there before the first write.

`put_templates` also gives the indices that exist already the fields that a template has gained since.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from elasticsearch import ApiError, AuthorizationException, Elasticsearch, TransportError

from conf.errors import UserError
from elastic.bulk import OF_AN_INDEX
from elastic.client import is_passing, no_answer, with_retries
from elastic.names import NAME_PREFIX

TEMPLATE_DIR: Final = Path(__file__).resolve().parent / "templates"
COMPONENT_PREFIX: Final = "component-"
TEMPLATE_PREFIX: Final = "template-"

log = logging.getLogger(__name__)


class TemplateError(UserError):
    """The index templates could not be created, so nothing may be written."""


class TemplatesForbiddenError(TemplateError):
    """The account may not create index templates."""


def put_templates(client: Elasticsearch, directory: Path = TEMPLATE_DIR) -> None:
    """Create or renew the component templates and index templates; raise `TemplateError` if one is refused."""
    with _explained():
        _put_all(client, directory)


def _put_all(client: Elasticsearch, directory: Path) -> None:
    components = dict(_read_all(directory, COMPONENT_PREFIX))
    for name, body in components.items():
        client.cluster.put_component_template(name=name, template=body["template"], meta=body["_meta"])
    for name, body in _read_all(directory, TEMPLATE_PREFIX):
        client.indices.put_index_template(name=name, **{key.lstrip("_"): part for key, part in body.items()})
        _renew_mapping(client, body["index_patterns"], _fields(body, components))


@contextmanager
def _explained() -> Iterator[None]:
    """Tell as a `TemplateError` what Elasticsearch says to the templates."""
    try:
        yield
    except AuthorizationException as error:
        raise TemplatesForbiddenError(
            "This account may not create index templates. Let set-up do it: python -m deploy.setup."
        ) from error
    except (ApiError, TransportError) as error:
        if not is_passing(error):
            raise TemplateError(
                f"Elasticsearch refused the index templates ({error}). Check its version and the account's rights."
            ) from error
        raise TemplateError(no_answer(error)) from error


def _renew_mapping(client: Elasticsearch, index: Any, fields: dict[str, Any]) -> None:
    """Give what exists its new fields; an index that is blocked gets none, and keeps no other from them."""
    try:
        client.indices.put_mapping(index=index, properties=fields, allow_no_indices=True, ignore_unavailable=True)
    except ApiError as error:
        if error.message not in OF_AN_INDEX:
            raise
        names = list(client.indices.get_mapping(index=index, allow_no_indices=True))
        if names == [index]:
            log.warning("%s is blocked: it takes no documents, nor fields that are new", index)
        else:
            for name in names:
                _renew_mapping(client, name, fields)


def create_standing_indices(client: Elasticsearch, directory: Path = TEMPLATE_DIR) -> None:
    """Create the indices that are no months, where they are missing, from the templates put before."""

    def create_missing(name: str) -> None:
        if not client.indices.exists(index=name):
            client.indices.create(index=name)

    for name in _standing_fields(directory):
        with_retries(partial(create_missing, name))


def ensure_templates(client: Elasticsearch, directory: Path = TEMPLATE_DIR) -> None:
    """Put the templates; an account that may not must find that set-up has put those of this version.

    That shows in the standing indices, of which each account sees its own. An Elasticsearch that is away or starts is
    asked again. Raises `TemplateError`.
    """
    try:
        with _explained():
            with_retries(partial(_put_all, client, directory))
    except TemplatesForbiddenError as error:
        fields = _standing_fields(directory)
        found = with_retries(
            lambda: client.indices.get_mapping(index=list(fields), ignore_unavailable=True, allow_no_indices=True)
        )
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
    """Return the fields of each index that stands by its whole name in a template."""
    components = dict(_read_all(directory, COMPONENT_PREFIX))
    templates = (body for _, body in _read_all(directory, TEMPLATE_PREFIX))
    return {
        pattern: _fields(body, components)
        for body in templates
        for pattern in body["index_patterns"]
        if "*" not in pattern
    }


def _fields(template: dict[str, Any], components: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the fields of a template, those of its components among them."""
    parts = [template, *(components[part] for part in template["composed_of"])]
    mappings = (part.get("template", {}).get("mappings", {}) for part in parts)
    return {name: field for mapping in mappings for name, field in mapping.get("properties", {}).items()}


def _read_all(directory: Path, prefix: str) -> list[tuple[str, dict[str, Any]]]:
    """Read the files of a kind as name in Elasticsearch and body."""
    return [
        (NAME_PREFIX + path.stem.removeprefix(prefix), json.loads(path.read_text(encoding="utf-8")))
        for path in sorted(directory.glob(f"{prefix}*.json"))
    ]
