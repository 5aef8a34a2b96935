-- The wards that an account is bound to, with commas between (none: all), and the one whose patients its lists show
ALTER TABLE users ADD COLUMN wards TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN chosen_ward TEXT NOT NULL DEFAULT '';
