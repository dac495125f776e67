"""Which clients may call a stack: anybody on this machine, or those with one of the keys in a file."""

from pathlib import Path

from sandbox.checkout import TOP
from sandbox.stack.plan.ports import HOST


def api_keys_from_text(text: str) -> Path | None:
    """Return the path of the file of API keys, in the checkout where it is relative; empty is None.

    Raises:
        ValueError: there is no such file; the services would start and fail again and again.
    """
    if not text:
        return None
    path = (TOP / text).resolve()
    if not path.is_file():
        raise ValueError(f"names {path}, which is not there: tarifa keys --file {text} add NAME --scope pay,read")
    return path


def env_of(api_keys: Path | None) -> dict[str, str]:
    """Return ingress's variables. Always set, because docker-compose.yml has OPEN=1: anybody who reaches its port."""
    return {"API_KEYS": str(api_keys or ""), "OPEN": "0" if api_keys else "loopback"}


def announcement(api_keys: Path | None, port: int) -> str:
    """Return the line on who may call."""
    if api_keys is not None:
        return f"clients    need one of the keys in {api_keys}, as Authorization: Bearer"
    return (
        f"clients    open: anybody who reaches {HOST}:{port} on this machine may pay and read, without a key\n"
        "           (to require keys: tarifa keys add NAME --scope pay,read; Ctrl-C;\n"
        "           KEEP=1 API_KEYS=.run/api_keys.json make up)"
    )
