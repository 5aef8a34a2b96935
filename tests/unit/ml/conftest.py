"""What tests of the models share."""

from __future__ import annotations

from hypothesis import settings as hypothesis_settings

hypothesis_settings.register_profile("busy machine", deadline=None)
hypothesis_settings.load_profile("busy machine")
