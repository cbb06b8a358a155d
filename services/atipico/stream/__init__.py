"""The embedded stream host: the store's log to the agent and the outcomes back, as Kapacitor would."""
