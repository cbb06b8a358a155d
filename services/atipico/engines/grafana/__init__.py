"""Dashboards as code: what Grafana shows of the chain, made here and kept as JSON in compose/grafana."""
