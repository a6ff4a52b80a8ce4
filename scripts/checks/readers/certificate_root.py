"""Recomputes a certificate's own digest, and its root from the files of a lake, without mtdh:

    python scripts/checks/readers/certificate_root.py CERTIFICATE LAKE

The format is in docs/reference/certificate.md. Needs pyarrow and blake3."""

import hashlib
import json
import pathlib
import sys

import blake3
import pyarrow.parquet

FOLDERS = {"vendor": "raw_tick_data/by_date", "live": "live_tick_data/by_date"}


def node(leaves):
    """The Merkle tree hash of RFC 9162, section 2.1.1."""
    if len(leaves) < 2:
        return hashlib.sha256(b"\0" + leaves[0] if leaves else b"").digest()
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + node(leaves[:half]) + node(leaves[half:])).digest()


def leaf(lake, path, certified):
    """Four lines: path, status, and the digests of the data part and of the rest."""
    if not (lake / path).exists():
        return f"{path}\n{certified}\n\n".encode()
    content, facts = (lake / path).read_bytes(), pyarrow.parquet.read_metadata(lake / path).metadata
    unsealed = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    length = int(facts.get(b"mtdh.data_bytes", unsealed))
    digests = [blake3.blake3(part).hexdigest() for part in (content[:length], content[length:])]
    return "\n".join([path, facts[b"mtdh.status"].decode(), *digests]).encode()


def root(document, lake):
    """The root of the files that the certificate names."""
    folder = FOLDERS[document["origin"]]
    return node([leaf(lake, f"{folder}/day-{day}/data_type-{data_type}/{key}.parquet", answer[0])
                 for day, types in document["partitions"].items()
                 for data_type, keys in types.items() for key, answer in keys.items()]).hex()


if __name__ == "__main__":
    text, document = pathlib.Path(sys.argv[1]).read_bytes(), json.loads(pathlib.Path(sys.argv[1]).read_bytes())
    own = hashlib.sha256(text[:text.rindex(b'"digest":')]).hexdigest()
    found = root(document, pathlib.Path(sys.argv[2]))
    print(f"digest {own}\nroot {found}")
    sys.exit(0 if (own, found) == (document["digest"], document["root"]) else 1)
