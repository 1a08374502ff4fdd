"""Whom TLS trusts: the certificates that the package certifi brings, or those that the environment names."""

import os
import ssl
import sys
from functools import cache

import certifi

NAMED_BY = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def tls_context(*, trust_env: bool) -> ssl.SSLContext:
    """Return the process's TLS context; *trust_env* obeys SSL_CERT_FILE and SSL_CERT_DIR.

    Made once, for reading all the certificates takes longer than many a command.
    """
    return _made(tuple(map(os.environ.get, NAMED_BY)) if trust_env else (None, None))


@cache
def _made(named: tuple[str | None, ...]) -> ssl.SSLContext:
    # Not ssl.create_default_context(): that obeys SSLKEYLOGFILE, and with what is written there whoever
    # has recorded the traffic reads every token in it.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # asks for a certificate, and compares the host's name
    if sys.version_info >= (3, 13):
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
    file, folder = (name or None for name in named)
    context.load_verify_locations(file or (None if folder else certifi.where()), None if file else folder)
    return context
