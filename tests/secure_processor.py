"""Real processors that serve only HTTPS, and require a certificate and a header of their callers."""

import json
import ssl
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from tests.certificates import Authority, Pair
from tests.nats_server import PATIENCE_S

ADMIN = {"X-Rinha-Token": "123"}


class SecureProcessor:
    """``python -m sandbox.processor`` over TLS, on a port that it keeps; ``key`` is the X-Key that it requires."""

    def __init__(self, authority: Authority, name: str, key: str, port: int = 0) -> None:
        self._authority = authority
        self.name = name
        self.client: Pair = authority.issue(f"client-of-{name}")
        self._server = authority.issue(f"server-{name}")
        self._port = port
        self.start(key)

    def start(self, key: str) -> None:
        """Start it with empty books, requiring this key."""
        self.key = key
        command = [sys.executable, "-m", "sandbox.processor", "--port", str(self._port), "--name", self.name]
        command += ["--certificate", str(self._server.certificate), "--key", str(self._server.key)]
        command += ["--client-ca", str(self._authority.ca), "--header", f"X-Key: {key}"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().removeprefix("listening on ").strip()
        assert self.url.startswith("https://"), self.url
        self._port = int(self.url.rpartition(":")[2])

    def stop(self) -> None:
        """Stop it."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(PATIENCE_S)
        assert self._process.stdout is not None
        self._process.stdout.close()

    @property
    def entry(self) -> dict[str, Any]:
        """Its entry in PROCESSOR_CREDENTIALS."""
        certificate, key = self.client.certificate, self.client.key
        return {"headers": {"X-Key": self.key}, "certificate": str(certificate), "key": str(key)}

    def book(self) -> dict[str, dict[str, Any]]:
        """Return all that it booked, by id."""
        with self.http(ADMIN) as http:
            rows = http.get("/admin/payments").text.splitlines()
        return {row["correlationId"]: row for row in map(json.loads, rows)}

    def http(self, headers: Mapping[str, str]) -> httpx.Client:
        """Return a client with a certificate and these headers."""
        tls = ssl.create_default_context(cafile=self._authority.ca)
        tls.load_cert_chain(self.client.certificate, self.client.key)
        return httpx.Client(base_url=self.url, verify=tls, headers=headers, timeout=PATIENCE_S, trust_env=False)


def write_credentials(path: Path, *processors: SecureProcessor) -> dict[str, str]:
    """Write the credentials file of these processors atomically; return the environment that names it."""
    unfinished = path.with_suffix(".new")
    unfinished.touch(mode=0o600)
    unfinished.write_text(json.dumps({each.url: each.entry for each in processors}))
    unfinished.replace(path)
    return {"PROCESSOR_CREDENTIALS": str(path)}
