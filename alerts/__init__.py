"""What an alert is: its model, life cycle and episodes, and the journal of what people answered."""
