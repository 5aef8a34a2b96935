"""What is concluded from stored readings and predictions: freshness, trend, urgency, targets, report figures. Pure."""
