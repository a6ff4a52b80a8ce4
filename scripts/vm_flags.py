"""The flags of the program's verbs, for the scripts that start it elsewhere: deploy/vm/flags.txt.

    python scripts/vm_flags.py            what the file must hold
    python scripts/vm_flags.py --write    write it

The program that MTDH names is asked, else that of this checkout. A line is a flag, what follows it, and the verbs that have it:
`switch` is a flag without a value, `value` one with one value, `values` one with any number of them."""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
FILE = ROOT / "deploy/vm/flags.txt"
PROGRAM = os.environ.get("MTDH", str(ROOT / "target/release/mtdh"))
HEAD = "# Flags of mtdh, what follows each, and the verbs that have it. Made by scripts/vm_flags.py --write.\n"
# Verbs that a person may want to run on another machine; those that a program does not have are left out.
VERBS = ["doctor", "demo", "instruments", "plan", "download", "full-pipeline", "candles", "rekey", "validate", "check"]
LINE = re.compile(r"^ {2,8}(?:-\w, )?(--[a-z][\w-]*)(?:[ =](\[?<[\w.=]+>\]?(?:\.\.\.)?\]?|\[.*?\]))?(\.\.\.)?(?: |$)", re.M)


def flags_of(help_text):
    """Each flag that a help lists, with what follows it."""
    found = {}
    for flag, value, repeated in LINE.findall(help_text):
        # `--verbose...` may be repeated, and has no value.
        found[flag] = "switch" if not value else "values" if "..." in value + repeated else "value"
    return found


def help_of(*words):
    """The help of a verb up to its examples, which name flags as well."""
    text = subprocess.run([PROGRAM, *words, "--help"], capture_output=True, text=True, check=True).stdout
    return text.split("\nExamples:\n")[0]


def every_flag():
    """The lines of the file."""
    table, known = {}, re.findall(r"^ {2}([a-z][\w-]*)", help_of(), re.M)
    for verb in [verb for verb in VERBS if verb in known]:
        for flag, kind in flags_of(help_of(verb)).items():
            table.setdefault((flag, kind), []).append(verb)
    return [f"{flag} {kind} {','.join(table[flag, kind])}" for flag, kind in sorted(table) if flag != "--help"]


def main():
    text = HEAD + "".join(f"{line}\n" for line in every_flag())
    if sys.argv[1:] == ["--write"]:
        FILE.write_text(text)
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
