"""What was concluded from a conversation, once it was over."""

from enum import StrEnum

from pydantic import AwareDatetime, Field

from parley_common.documents import Stored

type Answer = str | float | bool | None


class AnalysisStatus(StrEnum):
    """What is known about the analysis of a call."""

    NONE = "none"
    """Not asked for, or nobody answered."""

    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"


class AnalysisFailure(StrEnum):
    """Why there is no analysis."""

    NOTHING_SAID = "nothing_said"
    REFUSED = "refused"
    """The model's provider does not do it: no such model, or its rules are against it."""

    PROVIDER_UNAVAILABLE = "provider_unavailable"


class Findings(Stored):
    """What a model concluded from what was said; null is what the conversation does not tell."""

    summary: str = Field(default="", description="What happened, in a few sentences")
    successful: bool | None = Field(default=None, description="Whether the goal was reached; null also without one")
    answers: dict[str, Answer] = Field(default_factory=dict, description="By the name of the question")


class Analysis(Stored):
    """That conclusions were asked for, and what became of it; decided once."""

    requested_at: AwareDatetime
    findings: Findings | None = None
    error: AnalysisFailure | None = None

    @property
    def status(self) -> AnalysisStatus:
        if self.findings is not None:
            return AnalysisStatus.READY
        return AnalysisStatus.FAILED if self.error else AnalysisStatus.PROCESSING
