"""Who draws conclusions from a conversation."""

from dataclasses import dataclass
from typing import Any, Protocol

from parley_common.analyses import Findings
from parley_common.calls import Call


@dataclass(frozen=True)
class Conclusion:
    """What was found, and what finding it used: counts of tokens by provider and model."""

    findings: Findings
    usage: dict[str, Any]


class Analyst(Protocol):
    """A model that reads transcripts."""

    async def conclude(self, call: Call) -> Conclusion:
        """Answer what the call's assistant asks. Raises ProviderUnavailable, ProviderRefused."""
        ...
