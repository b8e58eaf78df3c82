"""``mtl predict``: what can be refused is refused before torch is imported."""

import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import sys
import typer
from mtlcli.commands import predict
from mtlcli.errors import MtlError
app = typer.Typer(rich_markup_mode=None)
app.callback()(lambda: None)
predict.register(app)
try:
    app(sys.argv[1:], standalone_mode=False)
except MtlError as fault:
    print(fault)
    code = fault.exit_code
else:
    code = 0
assert "torch" not in sys.modules and "pandas" not in sys.modules, "heavy import"
sys.exit(code)
"""


def _run(folder: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", CODE, "predict", *arguments],
        cwd=folder, capture_output=True, text=True, check=False,
        env={"PATH": "", "COLUMNS": "200"},
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["--help"], 0, "mtl predict photo.jpg"),
        (["gone.jpg"], 3, "gone.jpg: there is no such file"),
        (["https://x.org/a.jpg"], 2, "opens no connection"),
        (["a.jpg"], 4, "mtl demo"),
        (["a.jpg", "-m", "none"], 4, "'none'"),
        (["a.jpg", "-m", "text.st"], 3, "is not a checkpoint"),
    ],
)
def test_refusals_come_before_torch(
    tmp_path: Path, arguments: list[str], code: int, word: str
) -> None:
    (tmp_path / "a.jpg").touch()
    if "text.st" in arguments:
        (tmp_path / "text.st").write_text("hello, this is text")
    found, text = _run(tmp_path, *arguments)
    assert word in text
    assert found == code
