"""What is stored of payments and processors, read and written in one way by every service.

payments     PAYMENTS: what is accepted and waits        settlements  SETTLEMENTS: what was booked or refused
assignments  ASSIGNMENTS: who may send what where       processors   the bucket of who charges
"""
