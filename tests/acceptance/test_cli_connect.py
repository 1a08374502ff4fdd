"""connect, through real processes: what the operator sees, and what is stored, whatever the customer does."""

import json

import pytest

from tests.acceptance.connecting import begun, ended, redirected, visit
from tests.installation import PATIENCE_SECONDS, Installation
from worker.sandbox import Sandbox

ALL_SCOPES = '["locations.read", "flows.read", "invites.read", "invites.write", "token.refresh"]'


def test_a_wrong_visitor_does_not_end_the_wait(small_installation: Installation, sandbox: Sandbox) -> None:
    """A redirect with another state is answered by 400 and forgotten; the right one connects."""
    process, url = begun(small_installation)
    callback = small_installation.env["WORKER_ENVOY__REDIRECT_URI"]

    wrong = visit(f"{callback}?code=stolen&state=guessed")
    elsewhere = visit(callback.replace("/oauth/callback", "/favicon.ico"))
    right = visit(url + "&auto=allow")

    code, out, err = ended(process)
    assert (wrong, elsewhere, right) == (400, 404, 200)
    assert (code, out) == (0, "")
    assert "acme: connected (company 10000)" in err
    assert "acme: 4 locations, 11 flows" in err
    assert [secret for secret in sandbox.secrets_given() if secret in err] == []


def test_a_declined_consent_is_a_clear_line(small_installation: Installation) -> None:
    """The exit code says that authorisation is needed, and nothing was stored."""
    process, url = begun(small_installation)

    visit(url + "&auto=deny")

    code, _, err = ended(process)
    assert code == 77
    assert err.splitlines()[-1].startswith("error: nothing was authorised: the customer declined -- ")
    assert small_installation.rows("SELECT * FROM connection") == []


def test_the_redirected_url_may_be_pasted(small_installation: Installation) -> None:
    """With --paste the browser may be anywhere; a URL of another attempt is refused."""
    first, url = begun(small_installation, "--paste")
    pasted = redirected(url + "&auto=allow")
    second, _ = begun(small_installation, "--paste")

    refused = ended(second, pasted + "\n")
    accepted = ended(first, pasted + "\n")
    third, _ = begun(small_installation, "--paste")
    empty = ended(third, "")

    assert (refused[0], accepted[0], empty[0]) == (2, 0, 2)
    assert "belongs to another authorisation" in refused[2]
    assert "no address was pasted" in empty[2]
    assert pasted.split("code=")[1].split("&")[0] not in refused[2] + accepted[2]


def test_nobody_coming_is_an_end_too(small_installation: Installation) -> None:
    """After the time limit the line says how to go on."""
    process, _ = begun(small_installation, "--timeout", "1")

    code, _, err = ended(process)

    assert code == 77
    assert "nobody authorised within 1 s; nothing was stored" in err


@pytest.mark.parametrize("companies", [2])
def test_another_company_does_not_slip_under_a_name(installation: Installation) -> None:
    """A reconnect by another company is refused, and so is a second name; the old grant works on."""
    installation.connect()

    reconnected, url = begun(installation)
    visit(url + "&auto=allow&company_id=10001")
    code, _, err = ended(reconnected)
    other = installation.start("connect", "beta")
    visit(other.stdout.readline().strip() + "&auto=allow")

    other_code, _, other_err = ended(other)
    assert (code, other_code) == (2, 2)
    assert "acme belongs to company 10000 in Envoy" in err
    assert "is connected as acme already" in other_err
    assert [row["company_id"] for row in installation.rows("SELECT company_id FROM connection")] == ["10000"]
    installation.run("directory", "--refresh", "--connection", "acme")


def test_a_grant_without_refresh_token_is_not_stored(installation: Installation) -> None:
    """Without the scope token.refresh the grant would end within a day: the line names the scope."""
    scopes = '["locations.read", "flows.read", "invites.write"]'
    process, url = begun(installation, WORKER_ENVOY__SCOPES=scopes)

    visit(url + "&auto=allow")

    code, _, err = ended(process)
    assert code == 77
    assert "token.refresh" in err
    assert installation.rows("SELECT * FROM connection") == []


@pytest.mark.parametrize("granted", [True, False])
def test_reading_invites_is_tried_out(sqlite_url: str, granted: bool) -> None:
    """Envoy does not say which scopes it granted, so a look shows it, and the result is kept."""
    scopes = ("locations.read", "flows.read", "invites.write", "token.refresh")
    with Sandbox(port=0, scopes=(*scopes, "invites.read") if granted else scopes) as sandbox:
        installation = Installation(sqlite_url, sandbox, WORKER_ENVOY__SCOPES=ALL_SCOPES)
        said = installation.connect()
        shown = json.loads(installation.run("connections", "show", "acme", "--json").stdout)
        installation.database.dispose()

    assert shown["can_read_invites"] is granted
    assert ("was asked for and not granted" in said) is not granted


def test_a_busy_port_is_said_before_the_customer_is_asked(small_installation: Installation) -> None:
    """Two at once cannot wait at one redirect URI: the second says so, and prints no URL."""
    first, _ = begun(small_installation)

    second = small_installation.run("connect", "beta", expect=2)

    first.terminate()
    first.communicate(timeout=PATIENCE_SECONDS)
    assert second.stdout == ""
    assert "redirect_uri cannot be opened" in second.stderr
