"""Builders of panels, one module for each kind; a panel knows its content, the dashboard gives it its place."""
