"""Everything on one machine: nats-server, two processors, the services and a balancer, as supervised processes.

``python -m sandbox.stack`` runs it in the foreground; `Stack` runs it for tests.

- `plan`: what was asked for and what is to run: options, ports, parts, and the files that nats-server and nginx read.
- `processes`: each part's process, all of them in order, and none left behind.
- `limits`: what docker compose would allow each part, where LIMITS=compose asks for that.
"""

from sandbox.stack.background import Stack

__all__ = ["Stack"]
