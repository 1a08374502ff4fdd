"""The Envoy API: OAuth2, verbs, and responses turned into data or a typed error.

Nothing here knows a database, a connection or an invite row.  ``http``, with what it is made of, alone
knows the HTTP library; ``oauth`` speaks to the token endpoint, ``api`` to everything else.

Files:

answers: What an answer of the API means: its data, or the error that says what to do next.
api: The verbs of Envoy's API that the worker uses, each as data or a typed error.
bodies: JSON bodies, read without trust.
calls: Single calls to the API: token, address, retry policy, and the meaning of the answer.
http: HTTP to Envoy: single requests over kept connections, each with a total deadline and an honest outcome.
identifiers: One rule for every id that comes from Envoy, or is typed as one: what may be stored, shown and
    asked for.
oauth: OAuth2 with Envoy: the consent URL, and the two requests to the token endpoint.
pages: One page of a list: of each item only what is needed is kept, and the answer itself is dropped.
paging: All pages of a list, known to be all of it; or no list at all.
resources: What Envoy's API gives, as values: parsed leniently, since answers may lack any optional field.
retries: What is repeated at once, in the calling thread: what surely did nothing, and soon.
retry_after: How long a server asks us to stay away (RFC 9110 section 10.2.3).
server_clock: What time it is at Envoy, as the ``Date`` of its answers tells: a clock that no host of ours can
    set.
tokens: Answers of the token endpoint: tokens with their lifetimes, or whose fault it is.
wording: The words of an error answer that are safe to show.
"""
