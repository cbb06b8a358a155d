"""The embedded engine: every part a process on this machine, kept running by a supervisor."""
