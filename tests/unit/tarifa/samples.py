"""Documents as the service sends them."""

VITALS_TEXT = """{"at": "2026-11-22T12:00:00.000Z", "window_s": 10,
 "payments": {"acceptedPerS": 1.0, "settledPerS": 2.0, "accepted": 123, "backlog": 4, "oldestWaitS": 0.5},
 "post": {"perS": 1.5, "p50Ms": 1.2, "p99Ms": 3.4},
 "processors": [
  {"name": "default", "fee": 0.05, "condition": "serving", "latencyMs": 10, "inFlight": 3, "settled": 100,
   "amount": 1990.0, "share": 0.9, "feesPaid": 99.5, "settledPerS": 10.0},
  {"name": "fallback", "fee": 0.15, "condition": "failing", "latencyMs": null, "inFlight": 0, "settled": 10,
   "amount": 199.0, "share": 0.1, "feesPaid": 29.85, "settledPerS": null}],
 "totals": {"settled": 110, "amount": 2189.0, "feesPaid": 129.3, "saved": 199.0},
 "services": [
  {"service": "ingress", "instance": "ingress-1", "state": "up", "seenS": 0.4, "startedAt": "2026-11-22T11:00:00Z"},
  {"service": "ingress", "instance": "ingress-2", "state": "silent", "seenS": 5, "startedAt": "2026-11-22T11:00:00Z"},
  {"service": "ledger", "instance": "ledger", "state": "up", "seenS": 0.1, "startedAt": null}],
 "troubles": ["fallback is failing: payments are settled at others"]}"""
