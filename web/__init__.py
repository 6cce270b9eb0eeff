"""Pages: they read snapshots and submit commands."""
