"""Starts the agent worker: `python -m parley_agent`."""

from parley_agent.app import make_app
from parley_common.worker import run

if __name__ == "__main__":
    run("agent", make_app)
