"""Consent: a customer authorises our application in the browser, and the code becomes a stored grant.

Files:

browser_pages: What a browser on this host is answered: few pages, each whole in itself, each with the same
    headers.
browser_request: Read the head of one request from a browser, within bounds of bytes and of time.
browser_server: A server on loopback that answers each connection once; a crowd of silent ones keeps nobody
    waiting.
grant: Turn a code into a stored grant: all of it in one transaction, or nothing.
loopback: Wait on this host for the browser that Envoy sends back (RFC 8252, section 7.3).
redirect: The consent of a customer: what is asked of Envoy, and the code that comes back with the browser.
"""
