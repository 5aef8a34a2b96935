"""What an alert is: its model, life cycle and episodes, attention, and the journal of what people answered."""
