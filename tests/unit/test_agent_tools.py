"""Which tools the model is given: what it may not do, it does not know of."""

from typing import Any

import pytest
from livekit.agents import llm

from parley_agent.tools import A_PERSON, Actions, tools_of
from parley_common.calls import Voicemail
from tests import factories


def tools(*, leaves_to_mailbox: bool = True, **assistant: Any) -> dict[str, llm.FunctionTool[..., Any]]:
    actions = Actions(hang_up=lambda: None, leave_to_mailbox=lambda: leaves_to_mailbox)
    given = llm.ToolContext(tools_of(factories.assistant(**assistant), actions)).function_tools
    return {name: tool for name, tool in given.items() if isinstance(tool, llm.FunctionTool)}


@pytest.mark.parametrize("behaviour", ["hang_up", "leave_message"])
def test_model_is_asked_to_recognise_a_mailbox(behaviour: Any) -> None:
    assert set(tools(voicemail=Voicemail(behaviour=behaviour, message="Hello."))) == {"end_call", "voicemail_detected"}


def test_assistant_that_goes_on_talking_to_a_mailbox_looks_for_none() -> None:
    assert set(tools(voicemail=Voicemail(behaviour="continue"))) == {"end_call"}


async def test_model_that_takes_a_person_for_a_mailbox_is_told_so() -> None:
    assert await tools(leaves_to_mailbox=False)["voicemail_detected"]() == A_PERSON
    assert await tools(leaves_to_mailbox=True)["voicemail_detected"]() is None
