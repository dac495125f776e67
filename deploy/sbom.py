"""``python -m deploy.sbom [FILE]``: writes the bill of materials of what is shipped, as CycloneDX 1.6 in JSON.

In it are the packages of the image, each with its licence, what it needs, and the digests of the files that may be
installed, and the images of others that the backend runs on. The same commit gives the same bytes: there is no time in
it, and its serial number follows from what is in it.
"""

import argparse
import json
import sys
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from deploy.dependencies import ROOT, Image, Package, UnknownLicenceError, direct, images, packages, project

FILE = ROOT / ".run/sbom.cdx.json"
NAMESPACE = uuid.UUID("9cf5b0a5-6d5c-4a53-8b3e-1d1f1a0d9c53")  # any, as long as it stays


def bill(shipped: Iterable[Package], used: Iterable[Image]) -> str:
    """Return the bill's text."""
    parts = {one.name: (one, _library(one)) for one in shipped}
    containers = [_container(one) for one in used]
    project_table = project()["project"]
    tarifa = Component(
        name=project_table["name"],
        version=project_table["version"],
        type=ComponentType.APPLICATION,
        bom_ref=project_table["name"],
        description=project_table["description"],
    )
    bom = Bom(components=[*(component for _, component in parts.values()), *containers])
    bom.metadata.component = tarifa
    bom.register_dependency(tarifa, [*(parts[name][1] for name in direct()), *containers])
    for package, component in parts.values():
        bom.register_dependency(component, [parts[name][1] for name in package.needs if name in parts])
    return _reproducible(json.loads(JsonV1Dot6(bom).output_as_string()))


def _reproducible(document: dict[str, Any]) -> str:
    del document["serialNumber"], document["metadata"]["timestamp"]
    serial = uuid.uuid5(NAMESPACE, json.dumps(document, sort_keys=True))
    return json.dumps({**document, "serialNumber": serial.urn}, indent=2, sort_keys=True) + "\n"


def _library(package: Package) -> Component:
    purl = PackageURL("pypi", name=package.name, version=package.version)
    # One digest a file: a component has the digests of one thing, and this is one of several files, by platform.
    files = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(purl.to_string()),
        comment="the files of which pip may install one",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=content) for content in package.hashes],
    )
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        bom_ref=purl.to_string(),
        purl=purl,
        licenses=[LicenseExpression(package.licence)],
        external_references=[files],
    )


def _container(image: Image) -> Component:
    group, _, name = image.name.rpartition("/")
    purl = PackageURL("docker", namespace=group or None, name=name, version=image.tag)
    return Component(
        name=image.name,
        version=image.tag,
        type=ComponentType.CONTAINER,
        bom_ref=purl.to_string(),
        purl=purl,
        licenses=[LicenseExpression(image.licence)],
    )


def main(arguments: Sequence[str]) -> int:
    """Write it; return 0, or 1 with a sentence where a licence is not known."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.sbom",
        description="Writes what is shipped, as CycloneDX 1.6 in JSON.",
    )
    parser.add_argument("file", nargs="?", type=Path, default=FILE, metavar="FILE", help=f"default: {_shown(FILE)}")
    file = parser.parse_args(arguments).file
    try:
        text = bill((one for one in packages() if one.is_shipped), (one for one in images() if one.is_shipped))
    except UnknownLicenceError as error:
        print(error, file=sys.stderr)
        return 1
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    print(_shown(file))
    return 0


def _shown(file: Path) -> Path:
    return file.relative_to(ROOT) if file.is_relative_to(ROOT) else file


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
