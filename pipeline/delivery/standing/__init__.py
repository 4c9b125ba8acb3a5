"""How a sender stands with those who receive its mail: what its domains publish, and which rules that meets."""
