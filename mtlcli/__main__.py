"""Start the command line: `python -m mtlcli` and `torchrun -m mtlcli` end up here."""
