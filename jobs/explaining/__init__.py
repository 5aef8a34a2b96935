"""A stored prediction made once more from what is stored: why it was so, and why it would be another one now."""
