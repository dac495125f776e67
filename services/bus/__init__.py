"""How it is said: the only package that speaks NATS.

connection  one connection that comes back by itself        publish  store with PubAck, compare-and-set
streams     the streams as they must be                     lookup   the newest message of a subject
work_queue  deliveries of a durable consumer, with acks     follow   every message of a stream, in order
service     a NATS micro service                            lease    one holder at a time
pulse       how an instance is, once a second
"""
