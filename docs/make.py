"""Write the pages of docs/ that follow from the code: one per command, and the keys of a recipe.

python docs/make.py            write them
python docs/make.py --check    exit with 1 if one is out of date
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

HERE = Path(__file__).parent


def help_of(*words: str) -> str:
    """What ``mtl … -h`` prints, at a fixed width."""
    done = subprocess.run(
        [sys.executable, "-m", "mtlcli", *words, "-h"],
        capture_output=True, text=True, check=True, cwd=HERE.parent,
        env={**os.environ, "COLUMNS": "90", "TERMINAL_WIDTH": "90", "NO_COLOR": "1"},
    )  # fmt: skip
    text = re.sub(r"[ \t]+$", "", done.stdout, flags=re.M).strip()
    return text.replace("python -m mtlcli", "mtl").replace("__main__.py", "mtl")


def subcommands(text: str) -> list[str]:
    """The names under "Commands:" in a help text."""
    _, found, block = text.partition("\nCommands:\n")
    block = block.partition("\n\n")[0]
    return re.findall(r"^  (\S+)", block, flags=re.M) if found else []


def command_pages() -> Iterator[tuple[Path, str]]:
    """One page per verb, its subcommands included; and their list."""
    names = subcommands(help_of())
    lines = ["# Commands", "", "Made by `python docs/make.py` from the commands' own help.", ""]
    for name in sorted(names):
        text = help_of(name)
        page = [f"# mtl {name}", "", "```text", text, "```"]
        for sub in subcommands(text):
            page += ["", f"## mtl {name} {sub}", "", "```text", help_of(name, sub), "```"]
        yield HERE / "commands" / f"{name}.md", "\n".join(page) + "\n"
        about = text.split("\n\n")[1].strip().replace("\n", " ")
        lines.append(f"- [{name}]({name}.md): {about}")
    yield HERE / "commands" / "README.md", "\n".join(lines) + "\n"


def _type(annotation: Any) -> str:
    if get_origin(annotation) in (Union, UnionType):
        inner = [_type(a) for a in get_args(annotation) if a is not type(None)]
        return " or ".join(inner)
    if getattr(annotation, "__metadata__", None):
        return _type(annotation.__origin__)
    if get_origin(annotation) is not None and get_origin(annotation).__name__ == "Literal":
        return " \\| ".join(f"`{a}`" for a in get_args(annotation))
    name = getattr(annotation, "__name__", str(annotation))
    if get_args(annotation):
        inner = ", ".join(_type(a) for a in get_args(annotation) if a is not Ellipsis)
        return f"{name}[{inner}]"
    return {"str": "text", "int": "integer", "float": "number", "bool": "true/false"}.get(
        name, name
    )


def _default(value: Any) -> str:
    if hasattr(value, "name") and hasattr(value, "options"):
        return f"`{value.name}`"
    if value is None or repr(value) == "PydanticUndefined":
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def recipe_page() -> tuple[Path, str]:
    """Every key of a recipe, from the schema."""
    from mtlcli.recipe import schema

    sections = {
        "": schema.Recipe, "[tasks.NAME]": schema.TaskSpec, "[input]": schema.InputSpec,
        "[augment]": schema.AugmentSpec, "[model]": schema.ModelSpec, "[train]": schema.TrainSpec,
        "[batches]": schema.BatchesSpec, "[unlabelled]": schema.UnlabelledSpec,
        "[unlabelled.strong]": schema.StrongSpec,
    }  # fmt: skip
    lines = ["# Keys of a recipe", "", "Made by `python docs/make.py` from the schema."]
    for title, model in sections.items():
        lines += ["", f"## {title or 'Top level'}", ""]
        lines += ["| key | kind | default | meaning |", "|---|---|---|---|"]
        for key, field in model.model_fields.items():
            if field.description:
                kind, default = _type(field.annotation), _default(field.default)
                meaning = " ".join(field.description.split())  # a row of a table is one line
                lines.append(f"| `{key}` | {kind} | {default} | {meaning} |")
    return HERE / "recipe-keys.md", "\n".join(lines) + "\n"


def parts_page() -> tuple[Path, str]:
    """Every part of the catalog, with its options."""
    from mtlcli import catalog, registry

    lines = ["# Parts a recipe can name", "", "Made by `python docs/make.py` from the catalog."]
    for kind, table in catalog.KINDS.items():
        lines += ["", f"## {kind.capitalize()}", ""]
        groups: dict[str, list[str]] = {}
        for name, target in table.items():
            groups.setdefault(target, []).append(name)
        for names in groups.values():
            lines += [", ".join(f"`{n}`" for n in names) + ": " + registry.summary(kind, names[0])]
            lines += [""]
            for option in registry.options(kind, names[0]):
                default = "required" if option.required else f"`{option.default}`"
                lines.append(f"- `{option.name}` ({default}): {option.help}")
            lines += [""] if lines[-1] else []
    return HERE / "parts.md", re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def main() -> int:
    """Write or compare every page."""
    stale = []
    for path, text in [*command_pages(), recipe_page(), parts_page()]:
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(str(path.relative_to(HERE.parent)))
        if "--check" not in sys.argv:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    print("\n".join(stale) or "every page is up to date")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
