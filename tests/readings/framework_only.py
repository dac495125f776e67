"""Ingress without its plain path: Sanic reads every request. Run like ``python -m services.ingress``."""

from services.ingress.__main__ import ingress
from services.ingress.adapters import plain_path
from services.process import run


def _none_is_plain(_: bytearray) -> None:
    return None


plain_path.read_plain_payment = _none_is_plain  # type: ignore[assignment]

if __name__ == "__main__":
    run(ingress)
