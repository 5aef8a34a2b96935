"""The user's own account: password, sessions, second factor, tokens, preferences."""
