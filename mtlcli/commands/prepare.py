"""``mtl prepare NAME``: one command per dataset, made from its preparer when it is asked for."""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from typer.core import TyperGroup
from typer.main import get_command

from mtlcli import catalog, console, registry
from mtlcli.commands.options import DryRun, Json, Quiet, Verbose, examples
from mtlcli.errors import UsageError

if TYPE_CHECKING:
    from mtlcli.workflows.prepare import Shard
    from mtlcli.workflows.prepare_report import Report

_SETTINGS = {"help_option_names": ["-h", "--help"]}
_ROOT_HELP = "The raw files."

Root = Annotated[Path | None, typer.Option("--root", metavar="DIR", help=_ROOT_HELP)]
Out = Annotated[
    Path | None,
    typer.Option(
        "-o", "--out", metavar="DIR", help="The dataset folder to make. [default: data/NAME]"
    ),
]
Limit = Annotated[
    int | None, typer.Option(metavar="N", help="Take N rows, spread over all, for a try-out.")
]
ShardText = Annotated[
    str | None,
    typer.Option("--shard", metavar="I/N", help="Do the I-th of N parts; the last assembles."),
]
Seed = Annotated[int, typer.Option(help="All that is random follows it.")]
Workers = Annotated[
    int | None, typer.Option(metavar="N", help="Processes. [default: the free cores]")
]

#: name → (annotation, default) of the options that every dataset has.
_COMMON: dict[str, tuple[Any, Any]] = {
    "out": (Out, None), "limit": (Limit, None), "shard": (ShardText, None), "seed": (Seed, 0),
    "workers": (Workers, None), "dry_run": (DryRun, False), "json": (Json, False),
    "quiet": (Quiet, False), "verbose": (Verbose, 0),
}  # fmt: skip


class Datasets(TyperGroup):
    """The datasets of the catalog as subcommands; only the one asked for is made."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in the order of the catalog."""
        return list(catalog.PREPARERS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of one dataset.

        :raises UsageError: there is no such dataset.
        """
        if cmd_name not in catalog.PREPARERS:
            if ctx.resilient_parsing:
                return None
            raise _unknown(cmd_name)
        return _command(cmd_name)


def _unknown(name: str) -> UsageError:
    what = f"there is no dataset called {name!r}"
    if name.lower().endswith(".csv"):
        return UsageError(what, hint=f"mtl prepare csv {name}")
    if Path(name).is_dir():
        return UsageError(what, hint=f"mtl prepare folder {name}")
    return UsageError(what, hint=registry.suggest(name, list(catalog.PREPARERS)))


def register(app: typer.Typer) -> None:
    """Add the verb to the app."""
    group = typer.Typer(cls=Datasets, rich_markup_mode=None, context_settings=_SETTINGS)
    group.callback(
        invoke_without_command=True,
        epilog=examples("mtl prepare portraits", "mtl prepare utkface --root UTKFace"),
    )(prepare)
    app.add_typer(group, name="prepare")


def prepare(ctx: typer.Context, json: Json = False) -> None:
    """Make a dataset folder from raw files."""
    if ctx.invoked_subcommand is not None:
        return
    classes = {name: registry.load("dataset", name) for name in catalog.PREPARERS}
    rows = {name: {"title": cls.title, "needs": cls.needs} for name, cls in classes.items()}
    console.emit({"schema": "mtl.datasets/1", "datasets": rows})
    for name, row in rows.items():
        console.result(f"{name:10} {row['title']}\n{'':10} needs {row['needs']}")
    console.result("next: mtl prepare portraits   (every option: mtl prepare NAME -h)")


def _command(name: str) -> Any:
    cls = registry.load("dataset", name)
    app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
    lines = [f"mtl prepare {name} {rest}".strip() for rest in cls.examples]
    app.command(
        name, help=_description(cls), epilog=examples(*lines), context_settings=_SETTINGS
    )(_function(name, cls))  # fmt: skip
    return get_command(app)


def _description(cls: type) -> str:
    """The class docstring up to its parameters."""
    return (inspect.getdoc(cls) or "").partition(":param")[0].strip().replace("``", "")


def _function(name: str, cls: Any) -> Callable[..., None]:
    """A function whose signature is the command line of one dataset."""

    def run(**given: Any) -> None:
        _run(name, given)

    own = {o.name: (_option(o), o.default) for o in registry.options("dataset", name)}
    wanted: dict[str, tuple[Any, Any]] = {**own, **_COMMON}
    if not cls.from_nothing:
        wanted = {"root": (Root, None), **wanted}
    if cls.argument:
        shown = Annotated[Path | None, typer.Argument(metavar=cls.argument, help=_ROOT_HELP)]
        wanted = {"place": (shown, None), **wanted}
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter(key, keyword, default=default, annotation=annotation)
        for key, (annotation, default) in wanted.items()
    ]
    cast(Any, run).__signature__ = inspect.Signature(parameters)
    run.__annotations__ = {key: annotation for key, (annotation, _) in wanted.items()}
    return run


def _option(option: registry.Option) -> Any:
    """The annotation that makes Typer offer a preparer's option."""
    flag = "--" + option.name.replace("_", "-")
    if option.default is True:
        flag += f"/--no-{flag[2:]}"
    shown = option.default not in (None, "", False)
    return Annotated[
        option.annotation,
        typer.Option(flag, help=option.help.replace("``", ""), show_default=shown),
    ]


def _run(name: str, given: dict[str, Any]) -> None:
    from mtlcli.workflows.prepare import prepare as make

    places = [given.pop(key) for key in ("place", "root") if key in given]
    places = [place for place in places if place is not None]
    if len(places) > 1:
        raise UsageError(f"the raw files are given twice: {places[0]} and --root {places[1]}")
    common = {key: given.pop(key) for key in _COMMON}
    report = make(
        name, places[0] if places else None, common["out"],
        options={key: value for key, value in given.items() if value is not None},
        limit=common["limit"], shard=_parse_shard(common["shard"]), seed=common["seed"],
        workers=common["workers"], dry_run=common["dry_run"],
    )  # fmt: skip
    console.emit({"schema": "mtl.prepare/1", **report.plain()})
    _show(report)


def _parse_shard(text: str | None) -> "Shard | None":
    if text is None:
        return None
    part, _, whole = text.partition("/")
    if not (part.isdigit() and whole.isdigit()):
        raise UsageError(f"--shard takes I/N, not {text!r}", hint="--shard 1/4")
    return int(part), int(whole)


def _show(report: "Report") -> None:
    if report.state == "shard done":
        console.result(f"{report.made:,} rows made; other shards have {report.waiting:,} to make")
        return
    words = {
        "made": f"made {report.folder}",
        "already there": f"already there: {report.folder}",
        "dry run": f"would make {report.folder} from {report.total:,} rows; nothing was written",
    }
    console.result(f"{words[report.state]}{_counts(report.rows, ': ')}")
    for name, summary in report.labels.items():
        console.result(f"  {name}: {_label(summary)}")
    for title, counts in (("left out", report.left_out), ("bad", report.bad)):
        if counts:
            where = f" (see {report.folder / 'bad.csv'})" if title == "bad" else ""
            console.result(f"  {title}{_counts(counts, ': ')}{where}")
    if report.preview:
        console.result(f"  preview: {report.preview}")
    speed = f", {report.made / report.seconds:,.0f} rows/s" if report.made else ""
    console.info(f"{report.seconds:.1f} s{speed}")
    console.result(f"next: {report.next}")


def _counts(counts: Mapping[str, int], before: str) -> str:
    return before + ", ".join(f"{n} {count:,}" for n, count in counts.items()) if counts else ""


def _label(summary: Mapping[str, Any]) -> str:
    words = f"{summary['kind']}"
    if "labels" in summary:
        words += f", {summary['labels']:,} label pictures"
        words += f" of {len(summary['names'])} classes" if summary["names"] else ""
    classes = summary.get("classes", {})
    if "attributes" in summary:
        counts = summary["attributes"]
        words += f", {len(counts)} of them, {sum(counts.values()):,} times there"
        words += f", {summary['gaps']:,} gaps" if summary["gaps"] else ""
    elif classes:
        shown = dict(list(classes.items())[:8])
        words += _counts(shown, ", ") + (f" … {len(classes)} classes" if len(classes) > 8 else "")
    elif "mean" in summary:
        words += f", {summary['low']:g} to {summary['high']:g}, mean {summary['mean']:g}"
    return words + (f", unlabelled {summary['missing']:,}" if summary["missing"] else "")
