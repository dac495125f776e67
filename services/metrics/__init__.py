"""How services are measured: each tells its own numbers when it is asked, and counts nothing twice for that.

server      answers GET /metrics, in the service's own loop
exposition  the only module that speaks prometheus_client; imported only where METRICS_LISTEN is set
bus         what the connection to NATS tells of itself
"""
