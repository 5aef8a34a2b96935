"""Screens that poll the board and note when each of some patients first stands on it, for `benchmarks.latency`."""

from __future__ import annotations

import gzip
import http.client
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from benchmarks.site import COOKIE, JITTER_S, POLL_S
from elastic.client import Search, SearchUnavailable
from elastic.names import OBSERVATIONS
from elastic.search.queries import terms

SEARCH_EVERY_S: Final = 0.1
EXPECTED: Final = re.compile(rb"crisis-\d{4}")
MOST: Final = 100


class Watch:
    """What became of the expected patients, in seconds since the epoch; safe to be told by many threads."""

    def __init__(self, search: Search, port: int, cookies: Sequence[str]) -> None:
        self._search, self._port, self._cookies = search, port, cookies
        self._ended = threading.Event()
        self.sent_at_s: dict[str, float] = {}
        self.searchable_at_s: dict[str, float] = {}
        self.shown_at_s: dict[tuple[str, int], float] = {}  # by patient and screen

    @property
    def screens(self) -> int:
        """Return how many screens poll."""
        return len(self._cookies)

    def expect(self, patient_id: str) -> Callable[[float], None]:
        """Return what is to be told when the reading of an expected patient has been sent."""
        return lambda at_s: self.sent_at_s.update({patient_id: at_s})

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Look while the context lasts."""
        screens = [threading.Thread(target=self._poll, args=screen) for screen in enumerate(self._cookies)]
        threads = [*screens, threading.Thread(target=self._keep_searching)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._ended.set()
            for thread in threads:
                thread.join()

    def _poll(self, screen: int, cookie: str) -> None:
        """Ask as `live.js` does: the next time so long after the answer, and for nothing that is there already."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        headers = {"Cookie": f"{COOKIE}={cookie}", "Accept-Encoding": "gzip", "Sec-Fetch-Site": "same-origin"}
        while not self._ended.wait(POLL_S + random.uniform(0, JITTER_S)):  # noqa: S311
            connection.close()
            connection.request("GET", "/board/rows", headers=headers)
            response = connection.getresponse()
            body = response.read()
            if response.status != 200:
                continue
            headers["If-None-Match"] = response.headers.get("ETag", "")
            page = gzip.decompress(body) if response.headers.get("Content-Encoding") == "gzip" else body
            now_s = time.time()
            for patient_id in set(EXPECTED.findall(page)):
                self.shown_at_s.setdefault((patient_id.decode(), screen), now_s)

    def _keep_searching(self) -> None:
        """Note when the readings of expected patients can be found."""
        while not self._ended.wait(SEARCH_EVERY_S):
            awaited = [id_ for id_ in list(self.sent_at_s) if id_ not in self.searchable_at_s]
            if not awaited:
                continue
            try:
                found = self._search.page(OBSERVATIONS, {"size": MOST, "query": terms("patient_id", awaited)}).documents
            except SearchUnavailable:
                continue
            for document in found:
                self.searchable_at_s[document["patient_id"]] = time.time()
