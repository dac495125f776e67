"""The command line ``tarifa``: starts the system, pays, looks, and has it tested, from one checkout.

It knows the services as any outsider does, by process, HTTP and `services.contracts`.

- `app`: which commands there are. `asking`: those that speak to a running service. `programs`: those that become the
  very program that make runs.
- `arguments`, `periods`: what a person writes, read or refused in one sentence. Pure.
- `documents`, `answers`, `sse`, `figures`, `views`, `vitals_view`: what the service says, and how it looks. Pure.
- `client`: the HTTP calls, each with all that may come back. `paying`, `following`, `fees`: the stories told with them.
- `exits`, `screens`: how a command ends and where it writes.

Money is ``Decimal`` from the first character to the last: no amount passes through a binary float.
"""
