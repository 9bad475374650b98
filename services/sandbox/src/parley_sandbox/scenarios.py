"""What each number does when it is called: data, read by the phone."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Listen:
    """Wait until the agent has spoken and finished; give up after `patience` seconds."""

    patience: float = 20.0


@dataclass(frozen=True)
class HearStart:
    """Wait until the agent speaks, and for `then` seconds more."""

    then: float = 0.8
    patience: float = 20.0


@dataclass(frozen=True)
class Say:
    """Speak; `part` of it only, when the callee does not get to the end."""

    text: str
    part: float = 1.0


@dataclass(frozen=True)
class Press:
    """Press keys."""

    digits: str


@dataclass(frozen=True)
class Beep:
    """The tone of a mailbox."""

    seconds: float = 0.6


@dataclass(frozen=True)
class Record:
    """Keep what the agent says, for so many seconds or until the other side hangs up."""

    seconds: float


@dataclass(frozen=True)
class Wait:
    """Stay on the line for so many seconds, or until the other side hangs up."""

    seconds: float


@dataclass(frozen=True)
class LoseAudio:
    """Send no more audio; the line stays open until the media timeout."""


type Step = Listen | HearStart | Say | Press | Beep | Record | Wait | LoseAudio


@dataclass(frozen=True)
class Refusal:
    """A final SIP answer other than 200."""

    sip_status_code: int
    sip_status: str
    code: str
    http_status: int


@dataclass(frozen=True)
class Scenario:
    """How one callee behaves."""

    summary: str
    rings: float = 1.0
    refusal: Refusal | None = None
    answers: bool = True
    steps: tuple[Step, ...] = ()


ORDER = "I need help with my order."
THANKS = "Thank you, that is all I wanted to know."
GOODBYE = "Okay, goodbye."
TELL_MORE = "Please tell me more about that."
INTERRUPTION = "Wait, stop please, I have a question."
GREETING_OF_A_MAILBOX = "The person you are calling is not available. Please leave a message after the tone."
UNFINISHED = "I wanted to ask you about the delivery that was supposed to arrive yesterday morning."
PRESSED = "I have pressed the keys."

TALK = (Listen(), Say(ORDER), Listen(), Say(THANKS), Listen())
DEFAULT = "0200"

SCENARIOS: Mapping[str, Scenario] = {
    "0200": Scenario("answers after 1 s, talks two turns, hangs up", steps=TALK),
    "0486": Scenario("busy", refusal=Refusal(486, "Busy Here", "resource_exhausted", 429)),
    "0603": Scenario("declined", refusal=Refusal(603, "Decline", "permission_denied", 403)),
    "0404": Scenario("unknown number", refusal=Refusal(404, "Not Found", "not_found", 404)),
    "0480": Scenario("unavailable", refusal=Refusal(480, "Temporarily Unavailable", "resource_exhausted", 429)),
    "0408": Scenario("rings until the ringing timeout", answers=False),
    "0403": Scenario("trunk refused", refusal=Refusal(403, "Forbidden", "permission_denied", 403)),
    "0503": Scenario("carrier failure", refusal=Refusal(503, "Service Unavailable", "failed_precondition", 412)),
    "0429": Scenario(
        "carrier's call rate exceeded", refusal=Refusal(503, "CPS limit exceeded", "failed_precondition", 412)
    ),
    "2001": Scenario("hangs up in the middle of own sentence", steps=(Listen(), Say(UNFINISHED, part=0.5))),
    "2002": Scenario("hangs up at the moment of answering"),
    "2003": Scenario("answers and never speaks", steps=(Wait(3600),)),
    "2004": Scenario("talks over the agent", steps=(HearStart(), Say(INTERRUPTION), Listen(), Say(THANKS), Listen())),
    "2005": Scenario("a mailbox", steps=(Say(GREETING_OF_A_MAILBOX), Wait(1), Beep(), Record(60))),
    "2006": Scenario("talks ten turns", steps=(*(Listen(), Say(TELL_MORE)) * 10, Listen())),
    "2007": Scenario("presses keys 1 2 3 #", steps=(Listen(), Press("123#"), Say(PRESSED), Listen(), Wait(5))),
    "2008": Scenario("answers after 8 s", rings=8.0, steps=TALK),
    "2009": Scenario("says goodbye and waits for the agent to hang up", steps=(Listen(), Say(GOODBYE), Wait(60))),
    "2010": Scenario("its audio stops after 3 s", steps=(Wait(3), LoseAudio())),
}

PHRASES = tuple(
    dict.fromkeys(step.text for scenario in SCENARIOS.values() for step in scenario.steps if isinstance(step, Say))
)
"""All that callees say: what the recogniser can understand."""


def scenario_of(number: str) -> Scenario:
    return SCENARIOS.get(number[-4:], SCENARIOS[DEFAULT])
