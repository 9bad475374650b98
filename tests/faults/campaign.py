"""A customer who places many calls while things break, and asks again until each one is accepted."""

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass, field

import httpx

from tests.support.customer import Customer, until

NUMBERS = ("0200", "0200", "0200", "2001", "2001", "2002", "2009", "0486", "0603", "0404", "0408", "2008")
RINGING_SECONDS = 10
CANCELED = 0.1
"""The share of calls that the customer takes back."""

ENOUGH_SECONDS = 120.0
LAST_REPORT_SECONDS = 300.0


@dataclass
class Campaign:
    """The calls that were accepted."""

    customer: Customer
    accepted: dict[str, str] = field(default_factory=dict)
    """Numbers by call id."""

    async def run(self, calls: int, at_once: int, seed: int) -> None:
        """Place so many calls, so many of them at once, and wait for the end of each."""
        chance = random.Random(seed)
        assistant = await self.customer.assistant(
            assistant_limits={"ringing_timeout_seconds": RINGING_SECONDS}, assistant_analysis={"enabled": True}
        )
        numbers = [chance.choice(NUMBERS) for _ in range(calls)]
        patience = [chance.uniform(0, 12) if chance.random() < CANCELED else None for _ in range(calls)]
        free = asyncio.Semaphore(at_once)

        async def one(place: int, number: str) -> None:
            async with free:
                call_id = await self._accepted(assistant, number, f"{seed}-{place}")
                self.accepted[call_id] = number
                if (seconds := patience[place]) is not None:
                    await self._take_back(call_id, seconds)
                await self._ended(call_id, ENOUGH_SECONDS)

        await asyncio.gather(*(one(place, number) for place, number in enumerate(numbers)))

    async def settle(self) -> None:
        """Wait until every call has ended, and was reported and analyzed; what has not by then is a finding."""
        for call_id in self.accepted:
            await self._ended(call_id, LAST_REPORT_SECONDS)
        with suppress(TimeoutError):
            await until(self._all_reported, LAST_REPORT_SECONDS)

    async def _accepted(self, assistant: str, number: str, key: str) -> str:
        """Ask until the answer is 202; the key makes sure that asking twice places one call."""
        body = {
            "assistant_id": assistant,
            "trunk_id": self.customer.trunk_id,
            "to_number": f"+1555000{number}",
            "call_service": "twilio",
            "metadata": {"name": "John"},
        }
        while True:
            try:
                answer = await self.customer.api.post("/call/outbound", json=body, headers={"Idempotency-Key": key})
                if answer.status_code == httpx.codes.ACCEPTED:
                    call_id: str = answer.json()["data"]["call_id"]
                    return call_id
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.5)

    async def _take_back(self, call_id: str, after_seconds: float) -> None:
        """Ask once; a call that is over by then, or an api that is dead, is no matter."""
        await asyncio.sleep(after_seconds)
        with suppress(httpx.TransportError):
            await self.customer.api.post(f"/call/{call_id}/cancel", json={})

    async def _ended(self, call_id: str, patience: float) -> None:
        with suppress(TimeoutError):
            await until(lambda: self._is_over(call_id), patience)

    async def _is_over(self, call_id: str) -> bool:
        try:
            answer = await self.customer.api.get(f"/call/{call_id}")
        except httpx.TransportError:
            return False
        return answer.status_code == httpx.codes.OK and answer.json()["data"]["ended_at"] is not None

    async def _all_reported(self) -> bool:
        received = (await self.customer.sandbox.get(f"/receiver/{self.customer.name}")).json()
        told = [each["body"]["data"] for each in received if each["answered"] == httpx.codes.OK]
        return set(self.accepted) <= {data["call_id"] for data in told if data["analysis_status"] != "processing"}
