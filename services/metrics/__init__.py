"""How services are measured: each reports its own numbers at a scrape, and counts nothing twice for that.

server      answers GET /metrics, in the service's own loop
exposition  the only module that speaks prometheus_client; imported only where METRICS_LISTEN is set
bus         the metrics of the connection to NATS
"""
