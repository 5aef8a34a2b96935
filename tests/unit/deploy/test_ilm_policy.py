"""The policy for index lifecycle management: well formed, and in step with the settings and with what is written late.

No Elasticsearch here has lifecycle management, so what its documentation allows is written down as a table.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conf.settings import Settings
from elastic.schema import TEMPLATE_DIR

POLICY = json.loads((Path(__file__).parents[3] / "deploy" / "ilm-policy.json").read_text(encoding="utf-8"))
ALLOWED = {  # elastic.co, reference "Index lifecycle actions": the phases and the options of each action used here
    "hot": {"set_priority": {"priority"}},
    "warm": {"set_priority": {"priority"}, "forcemerge": {"max_num_segments"}},
    "delete": {"delete": set[str]()},
}


def phases() -> dict[str, dict[str, Any]]:
    return dict(POLICY["policy"]["phases"])


def days(phase: str) -> int:
    text = phases()[phase]["min_age"]
    assert text.endswith("d")
    return int(text[:-1])


def test_policy_has_the_form_of_the_documentation() -> None:
    assert set(POLICY) == {"policy"}
    assert set(POLICY["policy"]) == {"phases", "_meta"}
    assert list(phases()) == list(ALLOWED)
    for name, phase in phases().items():
        assert set(phase) <= {"min_age", "actions"}
        assert {action: set(options) for action, options in phase["actions"].items()} == ALLOWED[name]


@pytest.mark.parametrize("action", ["readonly", "rollover", "shrink", "searchable_snapshot", "downsample"])
def test_no_action_takes_an_index_away_from_writing(action: str) -> None:
    # a late reading or retraction must meet its month, under its name: a refusal would stop the stream
    assert all(action not in phase["actions"] for phase in phases().values())


def test_months_are_merged_once_no_reading_is_accepted_any_more_and_deleted_as_prune_does() -> None:
    settings = Settings()
    assert days("warm") > settings.max_age_days
    assert days("delete") == settings.retention_days
    assert days("warm") < days("delete")


def test_no_template_names_a_lifecycle() -> None:
    # an Elasticsearch without lifecycle management refuses templates that do
    assert not [path.name for path in TEMPLATE_DIR.glob("*.json") if "lifecycle" in path.read_text(encoding="utf-8")]
