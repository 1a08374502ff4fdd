"""Whatever is printed goes through one module; there is no way around it."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
PRINTER = "worker/cli/output.py"
# Who may: the log's own stream; a bar, which prints words of ours; and a prompt that is a constant.
ELSEWHERE = {
    ("worker/logs/output.py", "os.write"),
    ("worker/logs/configuring.py", "logging.captureWarnings"),
    ("worker/cli/invites/import_streams.py", "Console"),
    ("worker/cli/invites/import_streams.py", "Progress"),
}
NAMES = {"print", "input", "Console", "Progress", "breakpoint", "pprint", "echo", "secho", "rprint"}
ATTRIBUTES = {
    "echo", "secho", "prompt", "launch", "print_exc", "print_exception", "print_tb", "print_stack",
    "excepthook", "unraisablehook", "showwarning", "warn", "captureWarnings", "StreamHandler", "basicConfig",
    "lastResort", "echo_via_pager", "format_exc", "format_exception", "pprint", "print_json", "print_list",
    "dump_traceback",
}  # fmt: skip
STREAMS = {"stdout", "stderr", "__stdout__", "__stderr__"}
WRITES = {"write", "writelines", "print", "buffer"}
MODULES = {
    "typer",
    "rich",
    "os",
    "sys",
    "logging",
    "traceback",
    "warnings",
    "console",
    "faulthandler",
    "pprint",
}


def prints(source: str) -> Iterator[tuple[int, str]]:
    """Yield what a module calls that could print."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in NAMES:
            yield node.lineno, node.func.id
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getpass":
            if not all(isinstance(word, ast.Constant) for word in node.args):
                yield node.lineno, "getpass"
        elif isinstance(node, ast.Attribute) and _is_a_way(node):
            yield node.lineno, ast.unparse(node)


def _is_a_way(node: ast.Attribute) -> bool:
    """Return whether something of a module, or of a stream, prints."""
    owner = node.value
    if isinstance(owner, ast.Attribute) and owner.attr in STREAMS:
        return node.attr in WRITES
    name = owner.id if isinstance(owner, ast.Name) else ""
    if name in STREAMS:
        return node.attr in WRITES
    if name == "os":
        return node.attr == "write"
    return name in MODULES and node.attr in ATTRIBUTES | {"confirm"}


def test_nobody_prints_but_the_printer() -> None:
    """Neither by print, nor by a stream, nor by what a library offers."""
    found = []
    for folder in ("worker", "jobs"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            calls = prints(path.read_text(encoding="utf-8"))
            if name != PRINTER:
                found += [f"{name}:{line}: {what}" for line, what in calls if (name, what) not in ELSEWHERE]

    assert found == []


def test_whoever_did_would_be_found() -> None:
    """The ways that there are."""
    ways = (
        "print(x)", "sys.stdout.write(x)", "sys.stderr.buffer", "typer.echo(x)", "typer.confirm(x)",
        "os.write(1, x)", "getpass(f'{x}')", "traceback.print_exc()", "logging.StreamHandler()", "input(x)",
        "stdout.write(x)", "Console()",
    )  # fmt: skip

    assert [way for way in ways if not list(prints(way))] == []
