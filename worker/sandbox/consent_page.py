"""The page on which a customer allows or denies the application."""

from collections.abc import Iterable, Mapping
from html import escape

from worker.sandbox.pages import page

SCOPE_TEXTS = {
    "locations.read": "See your locations",
    "flows.read": "See the visitor types of your locations",
    "invites.read": "See the invites of your visitors",
    "invites.write": "Create, change and remove invites",
    "employees.read": "See your employees, to find hosts",
    "token.refresh": "Stay connected until you remove the application",
}


def consent_page(carried: Mapping[str, str], scopes: Iterable[str], companies: list[str]) -> bytes:
    """Return the form that asks for consent; *carried* are the request's parameters, sent again with it."""
    hidden = "".join(_hidden(name, value) for name, value in carried.items())
    wishes = "".join(f"<li>{escape(SCOPE_TEXTS.get(scope, scope))}</li>" for scope in scopes)
    body = (
        '<main class="card"><p class="kind">Sandbox</p>'
        "<h1>Allow this application to work with your Envoy account?</h1>"
        f"<p>Application <code>{escape(carried['client_id'])}</code> asks to:</p><ul>{wishes}</ul>"
        f'<form method="post" action="/a/auth/v0/authorize">{hidden}{_company(companies)}'
        '<p class="buttons"><button name="decision" value="allow" class="main">Allow</button>'
        '<button name="decision" value="deny">Deny</button></p></form>'
        f'<p class="note">You return to {escape(carried["redirect_uri"])}. '
        "This is a stand-in: no real account is involved.</p></main>"
    )
    return page("Sandbox: allow the application", body)


def problem_page(complaint: str) -> bytes:
    """Return the page for a request whose sender cannot be trusted with a redirect."""
    body = (
        '<main class="card"><p class="kind">Sandbox</p><h1>This link does not work</h1>'
        f"<p>{escape(complaint)}</p></main>"
    )
    return page("Sandbox: this link does not work", body)


def _company(companies: list[str]) -> str:
    if len(companies) == 1:
        return _hidden("company_id", companies[0])
    options = "".join(f"<option>{escape(company)}</option>" for company in companies)
    label = '<label for="company">For the company</label>'
    return f'<p>{label} <select id="company" name="company_id">{options}</select></p>'


def _hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
