"""Everything on one machine: nats-server, two processors, the services and a balancer, as processes kept alive.

``python -m sandbox.stack`` runs it in the foreground; `Stack` is the same for tests.

- `options`, `plan`, `metered`, `restart`: what was asked, what is to run, what a death means. Values in, values out.
- `ports`, `run_dir`, `balancer`, `nats`: the machine as it must be before anything starts.
- `limits`, `cgroups`, `limited`: what docker compose would allow each part, where LIMITS=compose asks for that.
- `keeper`, `supervisor`, `tether`: one process kept alive, all of them in order, and none of them left behind.
"""

from sandbox.stack.handle import Stack

__all__ = ["Stack"]
