"""Whom TLS trusts: the certificates that the HTTP library brings, or those that the environment names."""

import os
import ssl
from functools import cache

import httpx

NAMED_BY = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def tls_context(*, trust_env: bool) -> ssl.SSLContext:
    """Return the process's TLS context; *trust_env* obeys SSL_CERT_FILE and SSL_CERT_DIR.

    Made once, for reading all the certificates takes longer than many a command.
    """
    return _made(tuple(map(os.environ.get, NAMED_BY)) if trust_env else None)


@cache
def _made(named: tuple[str | None, ...] | None) -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=named is not None)
