-- Lists keep no filters any more. The secret of one-time codes is no nonce.
DROP TABLE views;
ALTER TABLE users RENAME COLUMN totp_nonce TO totp_secret;
