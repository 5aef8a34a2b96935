"""The report of an evaluation: tables, plots, card and page."""
