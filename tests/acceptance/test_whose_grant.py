"""Whose grant it is, through real processes: what the operator reads, and what is stored."""

import json
from collections.abc import Callable
from functools import partial

import pytest

from tests import worker_rows
from tests.acceptance.connecting import ended, visit
from tests.command_process import command_process
from tests.installation import Installation
from worker.sandbox import Faults, Sandbox

Consent = Callable[..., tuple[int, str]]


@pytest.fixture
def companies() -> int:
    """Have two customers."""
    return 2


@pytest.fixture
def consent(small_connected: Installation, sandbox: Sandbox) -> Consent:
    """Give what lets a customer consent again, while Envoy names companies as it is told to."""

    def consent(name: str, company: str = "10000", **faults: str) -> tuple[int, str]:
        sandbox.set_faults(Faults(**faults))  # type: ignore[arg-type]
        process = small_connected.start("connect", name)
        visit(f"{process.stdout.readline().strip()}&auto=allow&company_id={company}")
        code, _, err = ended(process)
        assert [secret for secret in sandbox.secrets_given() if secret in err] == []
        sandbox.set_faults(Faults())
        return code, err.splitlines()[-1] if code else err

    return consent


def grants(installation: Installation) -> list[tuple[str, str, int]]:
    """Return what is stored of each connection."""
    rows = installation.rows("SELECT name, company_id, token_version FROM connection ORDER BY name")
    return [(row["name"], row["company_id"], row["token_version"]) for row in rows]


def test_a_grant_that_names_no_company_takes_nobodys_place(
    small_connected: Installation, consent: Consent
) -> None:
    """Refused in one line where it cannot be proven; where a location proves it, an odd id costs nothing."""
    nothing = {"token_company": "absent", "location_company": "absent"}

    again = consent("acme", "10001", **nothing)
    second = consent("acme-two", **nothing)
    other = consent("acme", "10001", token_company="surrogate")
    proven = consent("acme", token_company="surrogate")

    assert [again[0], second[0], other[0], proven[0]] == [2, 2, 2, 0], (again, second, other, proven)
    assert again[1].startswith(
        "error: acme belongs to company 10000 in Envoy, and this grant names no company"
    )
    assert second[1].startswith("error: this company in Envoy is connected as acme already")
    assert other[1].startswith("error: acme belongs to company 10000 in Envoy, and this grant to 10001")
    assert "acme: connected (company 10000)" in proven[1]
    assert grants(small_connected) == [("acme", "10000", 2)]


def test_a_grant_that_became_another_companys_is_told_until_the_right_one_consents(
    small_connected: Installation, sandbox: Sandbox, consent: Consent
) -> None:
    """run-once, status, check and resume say what to type; nothing is sent before."""
    small_connected.add(1)
    worker_rows.let_access_tokens_end(small_connected)
    sandbox.set_faults(Faults(refresh_company="10001"))
    with command_process(**small_connected.env) as process:
        run = partial(process.run, small_connected.env["DATABASE_URL"])

        pushed, status, checked = run("run-once push_invites"), run("status"), run("check")
        resumed = run("connections resume acme")
        sent_before, right = sandbox.ledger()["creates"], consent("acme")
        after = run("run-once push_invites")

    held = [json.loads(line) for line in pushed.err.splitlines() if '"connection.held"' in line]
    assert [(event["level"], event["error_code"], event["detail"]) for event in held] == [
        ("error", "other_company", "10001")
    ]
    assert [pushed.code, status.code, checked.code, resumed.code] == [77, 0, 77, 77]
    assert "acme held (other_company) -- envoy-worker connect acme" in status.out
    for text in (checked.out, resumed.err):
        assert "acme: its grant is another company's" in text
        assert "`envoy-worker connect acme`" in text
    assert (sent_before, right[0], after.code) == ([], 0, 0)
    assert [entry["company_id"] for entry in sandbox.ledger()["creates"]] == ["10000"]
