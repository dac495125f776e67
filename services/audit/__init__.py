"""What operators run when a person must look at money.

``python -m services.audit``          asks every processor for every payment of a period, and reports each difference;
                                      changes nothing
``python -m services.audit.release``  releases one payment from a processor that will never answer

And ``processors``, ``keys``, ``log``, ``backup``, ``export``, ``traces``. All are outside the payment path: no payment
waits for them.
"""
