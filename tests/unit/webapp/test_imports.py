"""What decides on the site's pages knows nothing of Flask: a fresh interpreter imports it without."""

from __future__ import annotations

import subprocess
import sys

MODULES = (
    "alerts.answering",
    "alerts.events",
    "alerts.lifecycle",
    "assessment.report",
    "assessment.targets",
    "assessment.trend",
    "assessment.urgency",
    "webapp.audit.search",
    "webapp.audit.spool",
    "webapp.board.ward",
    "webapp.patients.csv_files",
    "webapp.patients.listing",
    "webapp.patients.loading",
    "webapp.patients.report_chart",
    "webapp.patient_ids",
    "webapp.predictions.quality",
    "webapp.security.accounts",
    "webapp.security.guard",
    "webapp.security.roles",
    "webapp.security.signing_in",
    "webapp.security.throttle",
    "webapp.security.tokens",
    "webapp.shared",
    "webapp.stats.figures",
    "webapp.system.metrics",
)


def exit_code(program: str) -> int:
    return subprocess.run([sys.executable, "-c", program], check=False).returncode


def test_what_decides_imports_no_flask() -> None:
    assert exit_code(f"import sys, {', '.join(MODULES)}; sys.exit('flask' in sys.modules)") == 0


def test_a_view_would_be_noticed() -> None:
    assert exit_code("import sys, webapp.board.views; sys.exit('flask' in sys.modules)") == 1
