"""docker-compose.closed.yml: every service has its own key, and the files are those that its one-shot creates."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from sandbox.stack.plan import balancer, nats
from services.access.bus_credentials import bus_credentials
from services.access.certificates import paths
from services.contracts.permissions import PURGE, USERS
from services.ingress.core.guard import Access
from services.ingress.settings import ingress_settings
from services.keys.key_file import read_keys

ROOT = Path(__file__).parents[2]
OPEN = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
CLOSED = yaml.safe_load((ROOT / "docker-compose.closed.yml").read_text())["services"]
SECRETS = "/secrets"
LISTEN = (ROOT / "deploy/listen.tls.conf").read_text()
NOT_ON_THE_BUS = {"secrets", "keys", "nats", "nginx"}
DOOR, EACH = "door", "each"


def make_secrets(folder: Path) -> Path:
    """Run the one-shot's command on a local folder; return that folder."""
    command = [sys.executable if word == "python" else word for word in CLOSED["secrets"]["command"]]
    here = {SECRETS: folder, "/door": folder / DOOR, "/each": folder / EACH}
    for volume in CLOSED["secrets"]["volumes"]:
        inside = volume.partition(":")[2]
        if inside.startswith("/each/"):
            folder.joinpath(EACH, Path(inside).name).mkdir(parents=True, exist_ok=True)
    command = [str(here.get(word, word)) for word in command]
    subprocess.run(command, check=True, cwd=ROOT, env={"PATH": "", **CLOSED["secrets"].get("environment", {})})
    return folder


def test_every_service_of_the_bus_has_its_own_key_and_the_servers_authority(tmp_path: Path) -> None:
    """Named after the service; the named files exist and are accepted."""
    folder = make_secrets(tmp_path / "secrets")
    for name, service in CLOSED.items():
        if name in NOT_ON_THE_BUS:
            continue
        env = service["environment"]
        module = OPEN[name]["command"][-1].removeprefix("services.")
        assert env["NATS_CREDENTIALS"] == f"{SECRETS}/{module}.nk"
        assert service["volumes"] == [f"for-{module}:{SECRETS}:ro"]
        assert f"for-{module}:/each/{module}" in CLOSED["secrets"]["volumes"]
        own = folder / EACH / module
        assert {path.name for path in own.iterdir()} == {f"{module}.nk", "ca.pem"}
        here = {name: text.replace(SECRETS, str(own)) for name, text in env.items()}
        known = bus_credentials(here)
        assert known.key is not None
        assert known.tls is not None
    speaks_nats = {name for name, service in OPEN.items() if "NATS_URL" in service.get("environment", {})}
    assert speaks_nats | NOT_ON_THE_BUS == set(CLOSED)


def test_every_instance_reads_the_key_file_that_the_one_shot_creates(tmp_path: Path) -> None:
    """Although docker-compose.yml sets OPEN=1 for both; they start, with no key yet."""
    folder = make_secrets(tmp_path / "made") / EACH / "ingress"
    assert CLOSED["keys"]["volumes"] == [f"for-ingress:{SECRETS}"]
    words = [*CLOSED["keys"]["entrypoint"], *CLOSED["keys"]["command"]]
    command = [sys.executable if word == "python" else word.replace(SECRETS, str(folder)) for word in words]
    subprocess.run(command, check=True, cwd=ROOT, env={"PATH": ""})
    for name in ("ingress-1", "ingress-2"):
        env = {**OPEN[name]["environment"], **CLOSED[name]["environment"]}
        assert OPEN[name]["environment"]["OPEN"] == "1"
        here = {name: text.replace(SECRETS, str(folder)) for name, text in env.items()}
        settings = ingress_settings(here)
        assert settings.access is Access.KEYS
        assert settings.api_keys is not None
        assert read_keys(settings.api_keys) == ()
        assert CLOSED[name]["depends_on"]["keys"] == {"condition": "service_completed_successfully"}


def test_nobody_may_purge(tmp_path: Path) -> None:
    """docker-compose.yml allows it; here ingress refuses it, and its user may not publish it on the bus."""
    for name in ("ingress-1", "ingress-2"):
        assert OPEN[name]["environment"]["ALLOW_PURGE"] == "1"
        folder = make_secrets(tmp_path / name) / EACH / "ingress"
        env = {**OPEN[name]["environment"], **CLOSED[name]["environment"]}
        assert not ingress_settings({key: text.replace(SECRETS, str(folder)) for key, text in env.items()}).allow_purge
    text = (make_secrets(tmp_path / "made") / EACH / "nats" / "users.conf").read_text()
    users = json.loads(text.removeprefix("authorization: "))["users"]
    assert PURGE not in [subject for user in users for subject in user["permissions"]["publish"]["allow"]]


def test_nats_server_accepts_the_files_made_for_it(tmp_path: Path) -> None:
    """At the container's paths; it may read them by its group, and has no service's key."""
    folder = make_secrets(tmp_path / "made") / EACH / "nats"
    shutil.copytree(folder, tmp_path / "secrets")
    for file, name in (("nats.conf", "nats.conf"), ("deploy/where.closed.conf", "where.conf")):
        (tmp_path / name).write_text((ROOT / file).read_text().replace("/etc/tarifa/", f"{tmp_path}/"))
    tried = subprocess.run(
        [nats.binary(), "-t", "-c", tmp_path / "nats.conf"], capture_output=True, text=True, check=False
    )
    assert tried.returncode == 0, tried.stderr
    assert "for-nats:/each/nats" in CLOSED["secrets"]["volumes"]
    assert "for-nats:/etc/tarifa/secrets:ro" in CLOSED["nats"]["volumes"]
    assert folder.stat().st_mode & 0o777 == 0o750
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes == dict.fromkeys(("users.conf", "ca.pem", "server.pem", "server.key"), 0o640)


def test_only_the_one_shot_has_all_keys(tmp_path: Path) -> None:
    """They are in a volume that no service mounts, readable only by their owner."""
    folder = make_secrets(tmp_path / "secrets")
    keys = {path.name: path.stat().st_mode & 0o777 for path in folder.glob("*.nk")}
    assert keys == {f"{user}.nk": 0o600 for user in USERS}
    mounted = {name: [text.partition(":")[0] for text in service["volumes"]] for name, service in CLOSED.items()}
    assert [name for name, volumes in mounted.items() if "secrets" in volumes] == ["secrets"]


def test_nats_syncs_as_the_dispatchers_setting_says() -> None:
    """Before each PubAck."""
    assert 'SYNC: "always"' in (ROOT / "deploy/where.closed.conf").read_text()
    assert CLOSED["dispatcher"]["environment"]["SYNC"] == "always"


def test_secrets_stay_at_the_next_start(tmp_path: Path) -> None:
    """With new ones no running service could connect any more."""
    folder = make_secrets(tmp_path / "secrets")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    make_secrets(folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_nginx_accepts_the_files_made_for_it(tmp_path: Path) -> None:
    """In listen.tls.conf, with any version of nginx; only its user, which is the image's, may read the key."""
    nginx = balancer.find_nginx()
    if nginx is None:
        pytest.skip("nginx is not installed; the tests of the balancer fail then where CI=true")
    volumes = [text.rsplit(":", 2)[:2] for text in CLOSED["nginx"]["volumes"]]
    inside = {where: what for what, where in volumes}
    assert inside == {"/etc/tarifa/listen.conf": "./deploy/listen.tls.conf", "/etc/tarifa/door": "${DOOR:-door}"}
    door = paths(make_secrets(tmp_path / "secrets") / DOOR)
    assert door.key.stat().st_mode & 0o777 == 0o600
    listen = balancer.listen(9999, tls=door)
    balancer.write_conf(tmp_path / "balancer", listen=listen, upstreams=["127.0.0.1:8080"])
    command = [*balancer.command(nginx, tmp_path / "balancer"), "-t"]
    tried = subprocess.run(command, capture_output=True, text=True, check=False)
    assert tried.returncode == 0, tried.stderr
    assert "[" not in tried.stderr, tried.stderr
    names = {line.split()[1].rstrip(";") for line in LISTEN.splitlines() if line.startswith("ssl_certificate")}
    assert names == {"/etc/tarifa/door/server.pem", "/etc/tarifa/door/server.key"}
    assert {Path(name).name for name in names} == {door.server.name, door.key.name}


def test_tls_is_on_the_published_port_and_so_is_the_health_check() -> None:
    """The same port as without TLS."""
    assert re.findall(r"^listen (\S+) ssl http2;$", LISTEN, re.MULTILINE) == [
        OPEN["nginx"]["ports"][0].partition(":")[2]
    ]
    assert CLOSED["nginx"]["healthcheck"]["test"][-1] == "https://127.0.0.1:9999/readyz"
