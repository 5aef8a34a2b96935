"""The predictions page: every patient's risks, critical ones first, and how far the live model can be trusted."""
