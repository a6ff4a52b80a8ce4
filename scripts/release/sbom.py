"""The bill of materials of a package in CycloneDX 1.6, from Cargo.lock: every crate with version, licence, checksum and what it
needs. What is linked in is `required`; what only takes part in the build (build scripts, macros) is `excluded`.

    python scripts/release/sbom.py [PACKAGE]

SOURCE_DATE_EPOCH is its time; the same time and lock file give the same bytes."""

import datetime
import json
import os
import sys
import uuid

from crates import crates_of


def component(crate, kind="library"):
    """A crate as CycloneDX has it."""
    found = {"type": kind, "bom-ref": crate.purl, "name": crate.name, "version": crate.version,
             "scope": "required" if crate.is_linked else "excluded", "licenses": [{"expression": crate.licence}], "purl": crate.purl}
    if crate.sha256:
        found["hashes"] = [{"alg": "SHA-256", "content": crate.sha256}]
    return found


def bill(package, epoch):
    """The document of a package."""
    crates = crates_of(package)
    main = next(crate for crate in crates if crate.name == package)
    time = datetime.datetime.fromtimestamp(epoch, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    document = {
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": {"timestamp": time, "component": component(main, "application")},
        "components": [component(crate) for crate in crates if crate is not main],
        "dependencies": [{"ref": crate.purl, "dependsOn": [f"pkg:cargo/{name}@{version}" for name, version in crate.needs]}
                         for crate in crates],
    }
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(document, sort_keys=True))
    return {"$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json", "serialNumber": f"urn:uuid:{serial}", **document}


if __name__ == "__main__":
    json.dump(bill(sys.argv[1] if len(sys.argv) > 1 else "mtdh", int(os.environ.get("SOURCE_DATE_EPOCH", "0"))), sys.stdout, indent=1)
    print()
