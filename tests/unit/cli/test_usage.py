"""Mistakes on the command line are one line each, and help is never far."""

import pytest

from worker.cli import run_command

COMMANDS = [
    "run", "run-once", "connect", "directory", "status", "check", "sandbox", "demo",
    "connections list", "connections show", "connections pause", "connections resume", "connections remove",
    "connections set", "invites import", "invites add", "invites list", "invites show", "invites retry",
    "invites withdraw", "invites resolve", "db upgrade", "db current", "keys new", "keys rotate",
]  # fmt: skip


@pytest.mark.parametrize("command", ["", *COMMANDS, "connections", "invites", "db", "keys"])
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--help is on stdout, ends with 0, and begins with what the command does, in a whole sentence."""
    code = run_command([*command.split(), "--help"])

    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    assert out.startswith("Usage: envoy-worker")
    assert out.split("\n")[2].strip().endswith(".")


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("conect acme", "error: no such command 'conect'. Did you mean 'connect'"),
        ("connect", "error: missing argument 'NAME'"),
        ("connect ''", "error: a connection's name has letters"),
        ("connect acme/1", "error: a connection's name has letters"),
        ("status --jsno", "error: no such option: --jsno"),
        ("invites list --limit 0", "error: invalid value for '--limit'"),
        ("invites list --status lost", "error: --status: there is no lost"),
        ("invites resolve acme/1", "error: say what Envoy shows"),
        ("invites resolve acme/1 --sent 1 --resend", "error: say what Envoy shows"),
        ("connections set acme", "error: nothing to set"),
        ("connections pause acme --until soon", "error: --until: needs a time with its zone"),
        ("sandbox --lost-share 0.6 --error-share 0.6", "error: the shares add up to more than 1"),
        ("invites import no-such-file.csv", "error: no-such-file.csv: No such file or directory"),
    ],
)
def test_a_mistake_is_one_line(typed: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It goes to stderr, with what to do next, and the exit code is 2."""
    code = run_command(typed.split())

    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert err.startswith(line)
    assert err.count("\n") == 1


@pytest.mark.parametrize("group", ["", "invites"])
def test_a_group_alone_shows_its_commands(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Who types no command gets the list, on stderr, since nothing was done."""
    code = run_command(group.split())

    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert "Commands:" in err
    assert "error:" not in err
