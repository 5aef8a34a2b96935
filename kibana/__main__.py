"""Write the saved objects: ``python -m kibana [--site-url URL] [--ward WARD] [--output FILE]``.

The committed file has the site's default address; generate another one where the site is elsewhere.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from conf import cli
from conf.errors import UserError
from conf.settings import Settings
from kibana import views
from kibana.dashboards.model_quality import model_quality
from kibana.dashboards.patient import patient
from kibana.dashboards.pipeline_health import pipeline_health
from kibana.dashboards.predictions_alerts import predictions_alerts
from kibana.dashboards.ward_alerts import ward_alerts
from kibana.dashboards.ward_overview import ward_overview
from kibana.saved import Json, text, ward_filter

OUTPUT: Final = Path(__file__).with_name("saved_objects.ndjson")
OF_PATIENTS: Final = (ward_overview, patient, predictions_alerts, ward_alerts)
OF_THE_HOUSE: Final = (pipeline_health, model_quality)


def default_site_url() -> str:
    """Return the site's address where no setting changes it."""
    host, port = (Settings.model_fields[name].default for name in ("web_host", "web_port"))
    return f"http://{host}:{port}"


def saved_objects(site_url: str, ward: str | None = None) -> list[Json]:
    """Return all data views and dashboards, in the order of the file; those of patients filtered by a ward, if any."""
    address = site_url.rstrip("/")
    filters = (ward_filter(ward),) if ward else ()
    dashboards = [
        *(replace(build(address), filters=filters) for build in OF_PATIENTS),
        *(build(address) for build in OF_THE_HOUSE),
    ]
    return [view.saved(address) for view in views.ALL] + [dashboard.saved() for dashboard in dashboards]


def file_text(site_url: str, ward: str | None = None) -> str:
    """Return the import file: one object a line."""
    return "".join(text(object_) + "\n" for object_ in saved_objects(site_url, ward))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the file and return the exit code."""
    parser = cli.parser("python -m kibana", __doc__)
    parser.add_argument("--site-url", default=default_site_url(), help="address of the site (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="file to write (default: %(default)s)")
    parser.add_argument("--ward", help="filter the dashboards of patients by this ward (in a space of its own)")
    return cli.run(parser, lambda options: write(options.output, options.site_url, options.ward), arguments)


def write(output: Path, site_url: str, ward: str | None = None) -> None:
    """Write the import file; raise `UserError` if its place cannot be written."""
    try:
        output.write_text(file_text(site_url, ward), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{output} cannot be written ({error.strerror}). Name another file with --output.") from error


if __name__ == "__main__":
    sys.exit(main())
