"""The only package that uses NATS.

wire        one connection that reconnects by itself, requests, and which servers are fit
jetstream   streams as they must be, publishing with PubAck, look-ups, followers, the work queue, leases
micro       NATS micro services that answer, and each instance's pulse once a second
"""
