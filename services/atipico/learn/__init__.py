"""Making models: evaluate, compile, register. Needs the extra `learn`; serving never imports this."""
