"""All tests, in three sittings on one world.

Conversations two at a time: what they wait for is time. What is computed, three at a time. What breaks the servers,
or would be disturbed, alone.
"""

import subprocess
import sys

from tests.support.shared_world import shared_world

SITTINGS = (
    ("tests/contracts", "tests/e2e", "-m", "not alone", "--numprocesses", "2", "--maxschedchunk", "1"),
    ("tests/integration", "tests/unit", "-m", "not alone", "--numprocesses", "3", "--maxschedchunk", "1"),
    ("-m", "alone"),
)


def main() -> None:
    """Run every sitting, also when one has failed."""
    with shared_world():
        failed = [run.returncode for sitting in SITTINGS if (run := _sit(*sitting)).returncode]
    sys.exit(max(failed, default=0))


def _sit(*options: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "pytest", *options], check=False)  # noqa: S603  # our own tests


if __name__ == "__main__":
    main()
