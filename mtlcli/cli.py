"""The Typer app: every verb on one page, and the one place where faults become messages."""

import sys
from typing import Annotated

import typer

from mtlcli import __version__, console
from mtlcli.commands import (
    about,
    affinity,
    compare,
    demo,
    evaluate,
    explain,
    fuse,
    gallery,
    import_,
    latent,
    predict,
    prepare,
    recipes,
    report,
    search,
    sweep,
    train,
)
from mtlcli.errors import MtlError, StoppedError

FIRST_STEPS = """\
mtl: from single-task vision networks to one better multi-task network

  mtl demo                              the whole chain on drawn portraits, a minute or two
  mtl prepare                           the datasets it can prepare; also your own CSV or folders
  mtl recipes ls                        what can be trained on them
  mtl fuse gender.st age.st -o nddr     one network from two you have trained

every command: mtl -h      what is in this folder: mtl info"""

app = typer.Typer(
    name="mtl",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
VERBS = (
    demo, prepare, train, affinity, fuse, evaluate, compare, report, search, sweep, predict,
    demo, prepare, train, affinity, fuse, evaluate, compare, report, search, sweep, predict,
    explain, gallery, latent, import_, recipes, about,
)  # fmt: skip
for verb in VERBS:
    verb.register(app)


@app.callback(invoke_without_command=True)
def first_steps(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", "-V", help="Print the version.")] = False,
) -> None:
    """From single-task vision networks to one better multi-task network."""
    if version:
        console.result(f"mtl {__version__}")
    elif context.invoked_subcommand is None:
        console.result(FIRST_STEPS)


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
