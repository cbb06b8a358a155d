"""Alerts: what a person is told of a job's outcomes, once, until it is over."""
