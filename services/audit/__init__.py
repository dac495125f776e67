"""What operators ask when money must be looked at by a person: is it as our records say, and let this one go.

``python -m services.audit``          asks every processor for every payment of a period, and names each difference;
                                      changes nothing
``python -m services.audit.release``  releases one payment from a processor that will never answer; changes one entry

Both stand outside of the river: no payment waits for them.
"""
