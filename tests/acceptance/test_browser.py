"""What a person sees in a browser: the sandbox's consent page, and its page of invites."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest

from worker.sandbox import Sandbox

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_SECONDS = 120

Open = Callable[[str], str]


@pytest.fixture
def open_page(tmp_path: Path) -> Open:
    """Give a function that loads a page in Chromium and returns what the page has become."""
    chromium = shutil.which("chromium")
    if chromium is None and os.environ.get("CI") != "true":
        pytest.skip("Chromium is not installed")
    assert chromium is not None, "CI must install Chromium"

    def load(url: str) -> str:
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        picture = f"--screenshot={tmp_path / 'page.png'}"
        command = [chromium, *FLAGS, profile, picture, "--dump-dom", url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=True)
        return done.stdout

    return load


def test_consent_page_says_what_is_asked_for_and_offers_both_answers(open_page: Open) -> None:
    """A customer sees the scopes in words, and one button to allow and one to deny."""
    with Sandbox() as sandbox:
        asked = {
            "client_id": "sandbox-client",
            "redirect_uri": "http://127.0.0.1:8765/oauth/callback",
            "response_type": "code",
            "scope": "locations.read invites.write token.refresh",
            "state": "a-state-that-nobody-guesses",
        }

        page = open_page(f"{sandbox.authorize_url}?{urlencode(asked)}")

    assert "Create, change and remove invites" in page
    assert "See your employees" not in page
    assert re.findall(r"<button[^>]*>(\w+)</button>", page) == ["Allow", "Deny"]


def test_page_of_invites_shows_a_visit_and_runs_no_script_of_its_text(
    open_page: Open, tmp_path: Path
) -> None:
    """An invite is a row of the page, and a name that holds HTML stays text."""
    with Sandbox() as sandbox:
        _create(sandbox, "Ann <script>document.title='owned'</script> Example")

        page = open_page(sandbox.url)

    assert "Ann &lt;script&gt;" in page
    assert "owned" not in re.findall(r"<title>(.*?)</title>", page)[0]
    assert "Berlin" in page
    assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")


def _create(sandbox: Sandbox, name: str) -> None:
    token = sandbox.grant()["access_token"]
    with httpx.Client(base_url=sandbox.url, headers={"Authorization": f"Bearer {token}"}) as client:
        locations = client.get("/v1/locations").json()["data"]
        berlin = next(one["id"] for one in locations if one["name"] == "Berlin")
        invite = {
            "locationId": berlin,
            "expectedArrivalAt": "2030-03-01T09:00:00Z",
            "invitee": {"name": name, "email": "ann@example.com"},
            "sendEmailToInvitee": False,
        }
        assert client.post("/v1/invites", json={"invite": invite}).status_code == 201
