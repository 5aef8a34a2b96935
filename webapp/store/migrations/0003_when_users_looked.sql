-- When a user looked at the board last, and since when what has happened is news to them: the end of the visit before
CREATE TABLE looks (
    user_id INTEGER PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    looked_at REAL NOT NULL,
    since REAL
) STRICT;
