"""`kit bench`: the production path measured end to end, on this machine, beside what others reach on it in the same run."""
