"""What a reader does from a link in a mail, without a password: leave, change, confirm."""
