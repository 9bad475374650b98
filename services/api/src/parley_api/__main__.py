"""Starts the api: `python -m parley_api`."""

from parley_api.app import make_app
from parley_common.worker import run

if __name__ == "__main__":
    run("api", make_app)
