"""The flows of ingress; ``ports`` is what they need. They import no bus.

ingress       a payment is accepted; status, summary, history and purge
awaiting      a client waits until its payment is settled or refused
listing       lists of payments; ``payment_life``: one of them, step by step
operating     an operator's pause, resume and purge; ``release_requests``: a release
"""
