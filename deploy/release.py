"""``python -m deploy.release [FOLDER]``: wheel, sdist, bill of materials and digests of the commit that is checked out.

The same commit gives the same bytes, on any machine with the locked tools: what is built is what is committed and
nothing beside it, files have the commit's time, and who builds is in none of them. It builds twice, and compares.
"""

import argparse
import gzip
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from deploy.dependencies import ROOT, project

FOLDER = ROOT / "dist"
SUMS = "SHA256SUMS"


class NotBuiltError(Exception):
    """It cannot be built, or not the same way twice; the text says why."""


def build(source: Path, folder: Path, epoch_s: int) -> None:
    """Build what is in ``source`` into a folder, as of a time in seconds since 1970.

    Raises:
        NotBuiltError: a tool failed, in its own words.
    """
    env = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch_s), "PYTHONPATH": str(source)}
    project_table = project()["project"]
    bill = folder / f"{project_table['name']}-{project_table['version']}.cdx.json"
    for module in (("build", "--no-isolation", "--outdir", folder, source), ("deploy.sbom", bill)):
        done = subprocess.run(  # noqa: S603  # tools of the lock, and a program of ours
            [sys.executable, "-m", *module], cwd=source, env=env, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise NotBuiltError(f"{module[0]}: {done.stdout}{done.stderr}")
    for sdist in folder.glob("*.tar.gz"):
        sdist.write_bytes(_reproducible(sdist.read_bytes(), epoch_s))


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file by its name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def export(commit: str, folder: Path) -> int:
    """Put what a commit has into a folder; return its time in seconds since 1970."""
    archive = _git("archive", "--format=tar", commit)
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    for path in folder.rglob("*"):  # whatever the umask here is: modes are in the wheel
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    return int(_git("log", "-1", "--format=%ct", commit))


def _reproducible(sdist: bytes, epoch_s: int) -> bytes:
    """Return the archive without the hour, the user and the order in which a folder was read."""
    packed = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(sdist), mode="r:gz") as before,
        gzip.GzipFile(filename="", fileobj=packed, mode="wb", mtime=epoch_s) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.GNU_FORMAT) as after,
    ):
        for member in sorted(before.getmembers(), key=lambda each: each.name):
            member.mtime, member.uid, member.gid, member.uname, member.gname = epoch_s, 0, 0, "", ""
            member.pax_headers = {}
            after.addfile(member, before.extractfile(member) if member.isfile() else None)
    return packed.getvalue()


def _git(*words: str) -> bytes:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=False)  # noqa: S603, S607  # the user's git
    if done.returncode:
        raise NotBuiltError(f"git {words[0]}: {done.stderr.decode()}")
    return done.stdout


def release(folder: Path) -> dict[str, str]:
    """Build twice, compare, and put the files of one into a folder with their digests.

    Raises:
        NotBuiltError: as of build; or the bytes differ.
    """
    with tempfile.TemporaryDirectory() as made:
        found = []
        for name in ("first", "second"):
            source, built = Path(made, name, "source"), Path(made, name, "built")
            source.mkdir(parents=True)
            built.mkdir()
            build(source, built, export("HEAD", source))
            found.append(digests(built))
        first, second = found
        if first != second:
            raise NotBuiltError(f"built twice, and not the same: {sorted(set(first.items()) ^ set(second.items()))}")
        folder.mkdir(parents=True, exist_ok=True)
        for path in Path(made, "first", "built").iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
        (folder / SUMS).write_text("".join(f"{digest}  {name}\n" for name, digest in first.items()))
    return first


def main(arguments: Sequence[str]) -> int:
    """Build; return 0, or 1 with a sentence."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.release",
        description="Builds wheel, sdist, bill of materials and digests of the commit that is checked out, twice, and"
        " compares the bytes.",
    )
    folder = f"where the files are put; default: {FOLDER.relative_to(ROOT)}"
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER, metavar="FOLDER", help=folder)
    try:
        made = release(parser.parse_args(arguments).folder)
    except NotBuiltError as error:
        print(error, file=sys.stderr)
        return 1
    if _git("status", "--porcelain"):
        print("Built from the last commit: what is not committed is not in it.", file=sys.stderr)
    for name, digest in made.items():
        print(f"{digest}  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
