"""What a check finds becomes one line each, and one exit code for all."""

from worker.cli.check.findings import attempt, failures, ok, warn
from worker.errors import DatabaseUnreachable, ExitCode, NeedsAuthorisation, SettingsError
from worker.report import first_that_applies


def test_every_mistake_of_the_settings_is_a_line_of_its_own() -> None:
    """An error that knows of several is not cut down to the first."""
    error = SettingsError("push.x: no such setting (and 1 more)", problems=["push.x: a", "log.y: b"])

    assert [finding.line for finding in failures(error)] == ["FAIL push.x: a", "FAIL log.y: b"]


def test_a_line_says_what_and_what_to_do() -> None:
    """Level, text, and the way out behind two dashes; what is fine needs none."""
    found = failures(NeedsAuthorisation("acme: must be authorised again", hint="run `connect acme`"))

    assert found[0].line == "FAIL acme: must be authorised again -- run `connect acme`"
    assert ok("schema: 0001").line == "ok   schema: 0001"
    assert warn("clock: 9 s ahead", "keep time").line == "warn clock: 9 s ahead -- keep time"


def test_warnings_leave_the_exit_code() -> None:
    """Only failures count, and among them the first of the fixed order."""
    warned = [ok("a"), warn("b", "c")]
    failed = [*failures(NeedsAuthorisation("x")), *failures(DatabaseUnreachable("y"))]

    assert first_that_applies(finding.code for finding in warned) is ExitCode.DONE
    assert first_that_applies(finding.code for finding in [*warned, *failed]) is ExitCode.UNREACHABLE


def test_an_attempt_ends_its_block_and_nothing_else() -> None:
    """An error of ours becomes findings; the checks behind it go on."""
    with attempt() as outcome:
        raise DatabaseUnreachable("database: no answer", hint="start it")

    assert outcome.error is not None
    assert [finding.as_data() for finding in outcome.found] == [
        {"level": "fail", "text": "database: no answer", "mend": "start it", "exit_code": 69}
    ]
