"""Starts the recorder: `python -m parley_recorder`."""

from parley_common.worker import run
from parley_recorder.app import make_app

if __name__ == "__main__":
    run("recorder", make_app)
