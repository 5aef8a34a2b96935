"""The burden of alerts: what other rules would have raised of a period that is over, beside today's."""
