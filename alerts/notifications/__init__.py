"""Who is told of an alert, when, and how it is made sure that the message arrives."""
