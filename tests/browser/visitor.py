"""Somebody at a browser: opens pages, and notes whatever a page must not do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, ViewportSize

from tests.browser.site import PASSWORD, USERS, Site
from webapp.security.sessions import LOOPBACK_COOKIE

AXE = (Path(__file__).parent / "vendor" / "axe-core-4.14.1" / "axe.min.js").read_text()
PHONE: ViewportSize = {"width": 360, "height": 740}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  reportViolation(`${event.violatedDirective} ${event.blockedURI} on ${location.pathname}`));
"""
FAILED_LOAD = "Failed to load resource"
NO_SOUND_YET = "AudioContext was not allowed to start"  # what Chromium says until the first click or key


class Visitor:
    """One browser with cookies of its own.

    `faults` collects console errors, script errors, violations of the content security policy, and requests that leave
    the site. With `may_fail` set, answers with error codes and lost connections are no faults.
    """

    def __init__(self, context: BrowserContext, site: Site) -> None:
        self.context, self.site = context, site
        self.faults: list[str] = []
        self.may_fail = False
        context.expose_binding("reportViolation", lambda _, text: self.faults.append(f"violation: {text}"))
        context.add_init_script(REPORT_VIOLATIONS)
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.faults.append(f"script: {error.error}"))
        context.on("request", self._watch)
        self.page: Page = context.new_page()

    def sign_in(self, role: str = "clinician", language: str = "fr") -> Visitor:
        """Be signed in without the form."""
        session_id = self.site.begin_session(role, language)
        self.context.add_cookies([{"name": LOOPBACK_COOKIE, "value": session_id, "url": self.site.url}])
        return self

    def open(self, path: str) -> Page:
        """Go to a page of the site and wait for its charts."""
        self.page.goto(self.site.url + path)
        if self.page.locator("#charts").count():
            self.page.wait_for_selector("#pressures canvas")
            self.page.wait_for_selector("#risks canvas")
        return self.page

    def fill_login(self, role: str = "clinician", language: str = "fr") -> None:
        """Type name and password into the form."""
        self.page.fill("#user_name", USERS[role, language])
        self.page.fill("#password", PASSWORD)

    def violations(self) -> list[str]:
        """Return what axe finds on the current page, as `violations` does."""
        return violations(self.page)

    def is_too_wide(self) -> bool:
        """Tell whether the current page scrolls sideways."""
        return is_too_wide(self.page)

    def _hear(self, message: ConsoleMessage) -> None:
        expected = NO_SOUND_YET in message.text or (self.may_fail and FAILED_LOAD in message.text)
        if message.type in ("error", "warning") and not expected:
            self.faults.append(f"console: {message.text}")

    def _watch(self, request: Request) -> None:
        if not request.url.startswith((self.site.url + "/", "data:")):
            self.faults.append(f"leaves the site: {request.url}")


def violations(page: Page) -> list[str]:
    """Return what axe finds on a page: impact, rule and element."""
    page.evaluate(AXE)
    options: dict[str, Any] = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]}
    found = page.evaluate("(options) => axe.run(document, options)", options)
    return [
        f"{violation['impact']} {violation['id']}: {node['html'][:160]} {_facts(node)}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


def is_too_wide(page: Page) -> bool:
    """Tell whether a page scrolls sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


def _facts(node: dict[str, Any]) -> str:
    data = [check.get("data") for check in node["any"] if check.get("data")]
    return str(data)[:200] if data else ""
