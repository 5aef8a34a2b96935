"""Text with links, as a visualisation within the panel.

That is the form of Kibana's own sample dashboards since 7.14 and of Elastic's integrations, whose dashboards are linked
in just this way. Older servers know neither the text panel of Kibana 9.2 nor that of links; none of them is needed.
"""

from __future__ import annotations

from kibana import kql
from kibana.panels.lens import Panel
from kibana.saved import Json

FONT_SIZE = 12


def markdown(title: str, text: str) -> Panel:
    """A panel of text without a visible title; its links open in the same tab."""
    visualization: Json = {
        "title": "",
        "description": "",
        "type": "markdown",
        "params": {"fontSize": FONT_SIZE, "openLinksInNewTab": False, "markdown": text},
        "uiState": {},
        "data": {"aggs": [], "searchSource": {"query": kql.query(), "filter": []}},
    }
    return Panel(title, "visualization", {"enhancements": {}, "hidePanelTitles": True, "savedVis": visualization})
