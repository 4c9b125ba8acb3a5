"""Ways out: SMTP, a Maildir."""
