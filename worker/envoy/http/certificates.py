"""Whom TLS trusts: the certificates that the HTTP library brings, or those that the environment names."""

import os
import ssl
from functools import cache

import httpx

NAMED_BY = ("SSL_CERT_FILE", "SSL_CERT_DIR")
# Python's contexts write the keys of every session into the file that it names: anyone who has recorded the
# traffic reads each token in it.
KEY_LOG = "SSLKEYLOGFILE"


def tls_context(*, trust_env: bool) -> ssl.SSLContext:
    """Return the process's TLS context; *trust_env* obeys SSL_CERT_FILE and SSL_CERT_DIR.

    Session keys are never written down, by nothing in this process: the variable that asks for it is removed.
    Made once, for reading all the certificates takes longer than many a command.
    """
    return _made(tuple(map(os.environ.get, NAMED_BY)) if trust_env else None)


@cache
def _made(named: tuple[str | None, ...] | None) -> ssl.SSLContext:
    os.environ.pop(KEY_LOG, None)
    context = httpx.create_ssl_context(trust_env=named is not None)
    context.set_alpn_protocols(["http/1.1"])
    return context
