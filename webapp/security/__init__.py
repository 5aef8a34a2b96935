"""Who may do what: sign-in, sessions, tokens, roles, guards, throttle, audit."""
