"""Text with links. A visualisation within the panel is the form that every Kibana since 7.14 reads.

Kibana 9.2 has a newer text panel and a panel of links; older servers refuse the one, and neither is needed here.
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
