"""The script `mtdh`: the program itself, from the package's shared library."""

import signal
import sys

from mtdh._mtdh import main as _main


def main() -> int:
    """Runs the program with the words of the command line, and returns its exit status."""
    # The program hears Ctrl-C itself. Python's handler would hear it as well, and raise KeyboardInterrupt at the end.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _main(sys.argv)


if __name__ == "__main__":
    sys.exit(main())
