"""The command line ``tarifa``: start the system, pay, look, test it and operate it.

It knows the services as any outsider does: by process, HTTP and `services.contracts`.

- `app`: the list of commands. `commands`: one module each, with what they read from the command line;
  `commands.programs` has those that become another program.
- `client`: the HTTP calls with all their possible results, the documents, and the flows that use them.
- `views`: how documents look in a terminal. Pure.
- `exits`: how a command ends and where it writes.

Money is ``Decimal`` from the first character to the last: no amount passes through a binary float.
"""
