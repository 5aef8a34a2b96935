"""The dashboards, one module each: what is shown to whom."""
