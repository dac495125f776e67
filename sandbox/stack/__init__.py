"""Everything on one machine: nats-server, two processors, the services and a balancer, as supervised processes.

``python -m sandbox.stack`` runs it in the foreground; `Stack` runs it for tests.

- `plan`: what was asked for and what is to run: options, ports, parts. Values in, values out.
- `processes`: what must be there before the start, each part's process, all of them in order, and none left behind.
- `limits`: what docker compose would allow each part, where LIMITS=compose asks for that.
"""

from sandbox.stack.background import Stack

__all__ = ["Stack"]
