"""The command ``netpolicy``, the same program as the Rust one."""

import signal
import sys

from netpolicy._native import run_command


def main() -> int:
    """Run the command with the arguments of this process, and return its exit status."""
    # Python's handler would wait for the native code to come back.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return run_command(["netpolicy", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
