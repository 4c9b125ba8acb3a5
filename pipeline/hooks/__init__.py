"""Signed webhooks: other systems are told who subscribed, who left, what was released. The format is that of Standard Webhooks 1.0."""
