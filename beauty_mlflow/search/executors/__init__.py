"""How trials are run: each a process of this machine, or a task of a Ray cluster."""
