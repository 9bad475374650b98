"""However a session ends, its call is reported; a job that is told to stop does so."""

import asyncio

import pytest

from parley_agent import closing
from parley_agent.closing import close


class Session:
    """One whose end raises, or takes a while."""

    def __init__(self, error: BaseException | None = None, seconds: float = 0.0) -> None:
        self._error = error
        self._seconds = seconds

    async def aclose(self) -> None:
        await asyncio.sleep(self._seconds)
        if self._error is not None:
            raise self._error


@pytest.mark.parametrize("error", [ConnectionError(), asyncio.CancelledError()])
async def test_session_that_breaks_when_it_is_closed_is_closed(error: BaseException) -> None:
    await close(Session(error))


async def test_session_that_does_not_close_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "CLOSE_SECONDS", 0.01)
    await close(Session(seconds=60))


async def test_job_that_is_told_to_stop_does_so() -> None:
    stopping = asyncio.create_task(close(Session(seconds=60)))
    await asyncio.sleep(0)
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
