"""``mtl recipes ls|show|cp|validate``."""

from pathlib import Path
from typing import Annotated

import typer

from mtlcli import console
from mtlcli.commands.options import Json, Quiet, Verbose, examples
from mtlcli.errors import UsageError

app = typer.Typer(
    help="List, show, copy and check recipes.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples("mtl recipes ls", "mtl recipes cp utkface/nddr mine.toml"),
)
Name = Annotated[str, typer.Argument(metavar="RECIPE", help="A shipped name, or a path.")]


def register(parent: typer.Typer) -> None:
    """Add the verb to the app."""
    parent.add_typer(app, name="recipes")


@app.command("ls", epilog=examples("mtl recipes ls", "mtl recipes ls utkface"))
def ls(
    text: Annotated[
        str, typer.Argument(metavar="[TEXT]", help="Only those with TEXT in their names.")
    ] = "",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """List the recipes that come with mtl."""
    import tomllib

    from mtlcli.recipe import library

    rows = {
        name: str(tomllib.loads(path.read_text(encoding="utf-8")).get("about", ""))
        for name, path in library.shipped().items()
        if text in name
    }
    if not rows:
        raise UsageError(f"no recipe has {text!r} in its name", hint="all: mtl recipes ls")
    console.emit([{"name": name, "about": about} for name, about in rows.items()])
    width = max(map(len, rows), default=0)
    for name, about in rows.items():
        console.result(f"{name:<{width}}  {about}")


@app.command(
    "show",
    epilog=examples("mtl recipes show utkface/nddr", "mtl recipes show mine.toml --resolved"),
)
def show(
    name: Name,
    resolved: Annotated[
        bool, typer.Option("--resolved", help="With every default filled in.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Print a recipe."""
    from mtlcli.io.toml import dumps
    from mtlcli.recipe import library, load

    loaded = load.load(name)
    console.emit(loaded.recipe.plain())
    if resolved:
        console.result(dumps(loaded.recipe.plain()).rstrip())
    else:
        console.result(library.find(name).read_text(encoding="utf-8").rstrip())


@app.command(
    "cp", epilog=examples("mtl recipes cp utkface/nddr mine.toml", "mtl recipes cp demo/age .")
)
def cp(
    name: Name,
    target: Annotated[Path, typer.Argument(metavar="FILE", help="The new file, or a folder.")],
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Copy a recipe to a file of your own."""
    from mtlcli.io import files
    from mtlcli.recipe import library

    source = library.find(name)
    if target.is_dir():
        target = target / source.name
    elif target.suffix == "":
        target = target.with_suffix(source.suffix)
    if target.exists():
        raise UsageError(f"{target} is there already", hint="choose another name")
    files.write_text(target, source.read_text(encoding="utf-8"))
    console.emit({"recipe": str(target)})
    console.result(f"saved {target}")
    console.result(f"next: mtl recipes validate {target}")


@app.command(
    "validate",
    epilog=examples("mtl recipes validate mine.toml", "mtl recipes validate utkface/nddr --data"),
)
def validate(
    name: Name,
    overrides: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...")] = None,
    data: Annotated[bool, typer.Option("--data", help="Also look at the data it names.")] = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Check a recipe: types, unknown keys, names of parts and their options."""
    from mtlcli.recipe import load

    recipe = load.load(name, overrides or []).recipe
    if data:
        from mtlcli.workflows import checks

        checks.check(recipe)
    console.emit({"valid": True, "tasks": list(recipe.tasks)})
    console.result(f"{name} is valid: {', '.join(recipe.tasks)} on {', '.join(recipe.data)}")
