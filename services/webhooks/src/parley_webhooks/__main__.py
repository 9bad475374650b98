"""Starts the webhooks service: `python -m parley_webhooks`."""

from parley_common.worker import run
from parley_webhooks.app import make_app

if __name__ == "__main__":
    run("webhooks", make_app)
