"""Start the command line: ``python -m mtlcli`` and ``torchrun -m mtlcli`` end up here."""

import sys


def main() -> None:
    """Answer ``--version`` without loading anything, else run the command line."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        from mtlcli import __version__

        sys.stdout.write(f"mtl {__version__}\n")
        return
    from mtlcli.cli import run

    sys.exit(run())


if __name__ == "__main__":
    main()
