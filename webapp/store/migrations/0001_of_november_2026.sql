-- What databases without a number hold, made until November 2026
CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    role TEXT NOT NULL,
    language TEXT NOT NULL,
    password TEXT,
    must_change INTEGER NOT NULL DEFAULT 0,
    secret_expires_at REAL,
    totp_nonce TEXT,
    totp_confirmed INTEGER NOT NULL DEFAULT 0,
    totp_last_step INTEGER NOT NULL DEFAULT 0,
    disabled INTEGER NOT NULL DEFAULT 0,
    sound INTEGER NOT NULL DEFAULT 1,
    shortcuts INTEGER NOT NULL DEFAULT 1,
    created_at REAL NOT NULL,
    last_login_at REAL
) STRICT;
CREATE TABLE sessions (
    hash TEXT PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at REAL NOT NULL,
    seen_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    ip TEXT NOT NULL,
    agent TEXT NOT NULL,
    previous_login_at REAL
) STRICT;
CREATE INDEX sessions_of_user ON sessions (user_id);
CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
    name TEXT NOT NULL,
    secret_hash TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    used_at REAL
) STRICT;
CREATE TABLE throttle (
    key TEXT PRIMARY KEY,
    fails INTEGER NOT NULL,
    next_allowed REAL NOT NULL
) STRICT;
CREATE TABLE rates (
    key TEXT NOT NULL,
    minute INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (key, minute)
) STRICT, WITHOUT ROWID;
CREATE TABLE targets (
    patient_id TEXT PRIMARY KEY,
    systolic_lowest INTEGER NOT NULL,
    systolic_highest INTEGER NOT NULL,
    diastolic_lowest INTEGER NOT NULL,
    diastolic_highest INTEGER NOT NULL,
    set_by TEXT NOT NULL,
    set_at REAL NOT NULL
) STRICT;
CREATE TABLE views (
    id INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
    name TEXT NOT NULL COLLATE NOCASE,
    filters TEXT NOT NULL,
    UNIQUE (user_id, name)
) STRICT;
