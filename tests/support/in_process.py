"""A client of the Elasticsearch in memory that asks it without a network: a tenth of the time of a request."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from elastic_transport import ApiResponseMeta, BaseNode, HttpHeaders, NodeConfig
from elastic_transport._node import NodeApiResponse
from elasticsearch import Elasticsearch

from tests.support.fake_elasticsearch import OF_ELASTICSEARCH, FakeElasticsearch


class _Lasting(Elasticsearch):
    """The helpers ask for a copy of the client before each request, which costs more than the request does here."""

    def options(self, **_: Any) -> _Lasting:
        return self


def client_of(fake: FakeElasticsearch) -> Elasticsearch:
    """Return a client whose requests the fake answers at once."""

    class InProcess(BaseNode):
        def perform_request(
            self,
            method: str,
            target: str,
            body: bytes | None = None,
            headers: Any = None,  # noqa: ARG002 - the names are those of the transport
            request_timeout: Any = None,  # noqa: ARG002
        ) -> NodeApiResponse:
            url = urlsplit(target)
            status, answer = fake.answer(method, url.path, parse_qs(url.query), body or b"")
            meta = ApiResponseMeta(
                status=status, http_version="1.1", headers=HttpHeaders(OF_ELASTICSEARCH), duration=0.0, node=self.config
            )
            return NodeApiResponse(meta, json.dumps(answer).encode())

        def close(self) -> None:
            pass

    return _Lasting([NodeConfig("http", "fake", 9200)], node_class=InProcess, max_retries=0)
