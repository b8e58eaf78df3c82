"""The Typer app: every verb on one page, and the one place where faults become messages."""

import sys

import typer

from mtlcli import console
from mtlcli.commands import about, evaluate, fuse, predict, prepare, recipes, train
from mtlcli.errors import MtlError, StoppedError

app = typer.Typer(
    name="mtl",
    help="From single-task vision networks to one better multi-task network.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for verb in (prepare, train, fuse, evaluate, predict, recipes, about):
    verb.register(app)


def run(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code; foreseen faults end with one short message."""
    try:
        code = app(args=arguments, standalone_mode=True)
    except SystemExit as end:
        return int(end.code or 0)
    except MtlError as fault:
        return _explain(fault)
    except KeyboardInterrupt:
        return _explain(StoppedError("stopped", hint="what was finished is kept"))
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    return int(code or 0)


def _explain(fault: MtlError) -> int:
    if console.wants_traceback():
        raise fault
    console.error(fault)
    return fault.exit_code
