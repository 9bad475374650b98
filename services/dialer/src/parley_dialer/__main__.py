"""Starts the dialer: `python -m parley_dialer`."""

from parley_common.worker import run
from parley_dialer.app import make_app

if __name__ == "__main__":
    run("dialer", make_app)
