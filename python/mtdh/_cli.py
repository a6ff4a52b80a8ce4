"""The script `mtdh`: the program itself, from the package's shared library."""

import sys

from mtdh._mtdh import main as _main


def main() -> int:
    """Runs the program with the words of the command line, and returns its exit status."""
    return _main(sys.argv)


if __name__ == "__main__":
    sys.exit(main())
