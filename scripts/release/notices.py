"""The notices that licences want to go with the program: which crates are linked into it, and the texts of their licences, each
text once.

    python scripts/release/notices.py [PACKAGE]"""

import collections
import re
import sys

from crates import crates_of

NAME = re.compile(r"(licen[sc]e|copying|notice|copyright|unlicense)", re.I)


def texts(crate):
    """The licence texts that a crate brings, and those of what is in a folder of it: ISA-L's own."""
    paths = [*crate.folder.iterdir(), *crate.folder.glob("*/*")]
    files = sorted(path for path in paths if path.is_file() and NAME.match(path.name) and path.suffix not in (".rs", ".json"))
    return ["\n".join(line.rstrip() for line in path.read_text(errors="replace").strip().splitlines()) for path in files]


def main(package="mtdh"):
    crates = [crate for crate in crates_of(package) if crate.is_linked and crate.sha256]
    print(f"{package} contains these libraries:\n")
    for crate in crates:
        print(f"  {crate.name} {crate.version}: {crate.licence}")
    holders = collections.defaultdict(list)
    for crate in crates:
        for text in texts(crate):
            holders[text].append(f"{crate.name} {crate.version}")
    for text, names in holders.items():
        print(f"\n{'=' * 80}\nOf {', '.join(names)}:\n\n{text}")


if __name__ == "__main__":
    main(*sys.argv[1:])
