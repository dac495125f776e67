"""Which clients a stack takes payments from: whoever is on this machine, or who has one of the keys in a file."""

from pathlib import Path

from sandbox.stack.plan.ports import HOST


def api_keys_from_text(text: str) -> Path | None:
    """Read where the keys of clients are; empty is None.

    Raises:
        ValueError: there is no such file; the services would be started in vain, again and again.
    """
    if not text:
        return None
    path = Path(text).resolve()
    if not path.is_file():
        raise ValueError(f"names {path}, which is not there: tarifa keys --file {text} add NAME --scope pay,read")
    return path


def env_of(api_keys: Path | None) -> dict[str, str]:
    """Return what ingress reads. Said in any case: docker-compose.yml has OPEN=1, for whoever reaches its port."""
    return {"API_KEYS": str(api_keys or ""), "OPEN": "0" if api_keys else "loopback"}


def place(api_keys: Path | None, port: int) -> str:
    """Return the line that says who may call."""
    if api_keys is not None:
        return f"clients    need one of the keys in {api_keys}, as Authorization: Bearer"
    return (
        f"clients    open: whoever reaches {HOST}:{port} on this machine may pay and read, without a key\n"
        "           (tarifa keys add NAME --scope pay,read, then API_KEYS=.run/api_keys.json make up closes it)"
    )
