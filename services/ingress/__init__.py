"""Ingress: 2xx means stored.

core      what is admitted, which period is requested, what may be answered; decisions only
flow      the sequence: admit -> store -> await the PubAck -> answer; a known id is answered as its original was
adapters  HTTP on one side; the streams, the dispatchers and the ledger on the other
"""
