"""What comes back: reports and complaints about messages that were sent, and what follows from them."""
