"""What is stored, read and written in one way by every service.

payments     PAYMENTS, by payment; ``doubt``: how far what waits there is doubtful
assignments  ASSIGNMENTS: who may send which payment where
settlements  SETTLEMENTS, by payment; ``replica_lookup``: the same without its leader, before an id is accepted;
             ``history``: all of one payment; ``settled``: in the stream's order
processors   the bucket of who charges
operations   OPERATIONS: what operators did
"""
