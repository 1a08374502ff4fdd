"""Connections: each customer's grant, kept alive by one refresher, and how fast it may be used.

Only ``tokens`` and ``consent`` ever call the token endpoint.

Files:

company: Whose grant it is: the company in Envoy, as far as it is proven, and what may not be another's.
consent: Consent: a customer authorises our application in the browser, and the code becomes a stored grant.
damage: A connection whose stored tokens cannot be read is held, and no other.
model: The table ``connection``: one customer's grant, how it stands, and its pace.
rotation: Put all stored tokens under the newest key.
rows: The rows of table ``connection``, read whole.
scopes: What a connection may do: the scopes of its grant, and whether it may read invites after all.
sealed: What the table holds of grants, unopened, and what is wrong with it.
states: How a connection stands, and why it is held or waits: the words that are stored and shown.
store: Connections as the operator sees and moves them; never a token.
tokens: Tokens: a valid access token for a connection, whatever it takes.
usable: May a connection be used now?  Holds, outages, pace: each is a stored moment with its reason.
vault: Tokens at rest: encrypted under a ring of keys, and bound to their row and column.
witness: Envoy's clock as a witness of the database's, for what cannot be undone.
"""
