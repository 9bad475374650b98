"""TLS for servers of the tests, by an authority that is made for each."""

import ssl

import trustme


def certified(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    """Return what a server needs to prove that it is one of those names."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names).configure_cert(context)
    return context
