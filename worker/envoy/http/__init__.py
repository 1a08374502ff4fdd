"""HTTP to Envoy: single requests over kept connections, each with a total deadline and an honest outcome.

Files:

certificates: Whom TLS trusts: the certificates that the HTTP library brings, or those that the environment
    names.
client: HTTP as the worker needs it: a total deadline, a size cap, and an honest word on what was sent.
connecting: Open a connection: the first address of a name that answers, within the deadline.
deadlines: Total deadlines: whatever waits for a request waits no longer than what is left of its time.
exchange: One request on its way: until when, whether a byte of it may have left, and what its peer did.
failures: What the operator reads when a request did not come to an answer.
headers: Header values that can be nothing but values: no line break smuggles in another header.
http_date: Dates as HTTP writes them (RFC 9110 section 5.6.7), in all three forms.
late: An HTTP client that is made by the first request: loading its library takes a tenth of a second.
lending: Things that only one thread may use at a time, lent to those that ask.
outgoing: A request as it will go out: where to, checked headers, JSON without blanks.
rehearsal: Proof, before anything is sent, that the HTTP library can keep a deadline.
transport: One kept connection to Envoy: httpcore's HTTP/1.1 over a stream of ours.
wire: The stream that httpcore speaks over: a socket that no operation can block beyond the deadline.
"""
