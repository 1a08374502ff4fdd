"""A stand-in of Envoy's API: a real HTTP server on loopback, with faults to switch on.

It shares no code with the product, so that one misreading of Envoy's API
cannot hide on both sides.

Files:

api: The guard of everything under /v1: token, scope, pace, and the faults around the commit.
app: The external application as it is registered with the sandbox.
authorize: The authorization endpoint (RFC 6749, 3.1): consent, and the redirect that carries the code.
codes: Authorization codes: one use, ten minutes, bound to a PKCE challenge if one was sent.
consent_page: The page on which a customer allows or denies the application.
control: The sandbox's own addresses: its page, its ledger, its faults.
directory: Locations, flows and employees of the companies that the sandbox plays.
faults: The faults that can be switched on, as one value that JSON can set.
fields: The fields of an invite that a client sends: checked one by one, in one table.
grants: Grants: families of access and refresh tokens, rotated at every refresh.
invites: The invites that the sandbox holds.
ledger: What the sandbox has seen, so that a test can judge what a client did.
lists: Lists as Envoy might answer them: capped, in another order, with a meta that is odd or not there.
mischief: Decides which request meets which fault; the same seed gives the same draws.
misnaming: Token answers and locations that name their company otherwise than they should, or not at all.
origin: Who may use the sandbox's own pages and controls: programs of this host, and these pages themselves.
pages: The frame of every page, and the page that shows what the sandbox holds.
queries: Filters, order and pages of the lists, as query parameters ask for them.
refusals: How a handler ends a request early: with an error answer, or with none.
resources: The verbs on locations, flows, employees and invites.
routing: From a request to its answer: which handler, which outage, which line in the ledger.
sandbox: The sandbox as one object: start it, look into it, change what it knows.
seed: The companies that the sandbox begins with; every name and address is made up.
server: A threaded server on loopback, one thread for each connection.
serving: Runs the sandbox in the foreground, for the command line.
shapes: The query parameters of each list, as Envoy's API reference and its clients name them.
showing: Names as Envoy might show them: the same to a reader, and not to a comparison.
state: Everything that one sandbox knows, behind one lock.
token_endpoint: The token endpoint (RFC 6749, 3.2): a code or a refresh token for a new pair of tokens.
values: Records and instants in the form in which Envoy's API writes them.
wire: HTTP/1.1 as far as the sandbox needs it: read one request, write one answer.
"""

from worker.sandbox.faults import Faults
from worker.sandbox.sandbox import Sandbox
from worker.sandbox.serving import Options, serve

__all__ = ["Faults", "Options", "Sandbox", "serve"]
