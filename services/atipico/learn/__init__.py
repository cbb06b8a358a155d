"""Making models: evaluate, compile, register. Needs the extra `learn`, but for `quality` and `ranking`: numpy alone."""
