"""Where a job runs: embedded (all parts as processes on this machine)."""
