"""What went out, at another pace: a mail a month, or the season from its start for those who came late."""
