"""Measurements that anybody can repeat: medians, and ratios of things measured in one run."""
