"""Which tools the model is given: what it may not do, it does not know of."""

from typing import Any

import pytest
from livekit.agents import llm

from parley_agent.tools import A_PERSON, NOT_TRANSFERRED, Actions, tools_of
from parley_common.assistants import Tools, Transfer, Voicemail
from tests import factories


class Playout:
    """A tool's context, of which it only wants to know when the words before it were heard."""

    async def wait_for_playout(self) -> None:
        return


def tools(*, done: bool = True, **assistant: Any) -> dict[str, llm.FunctionTool[..., Any]]:
    async def transfer(to_number: str) -> bool:
        assert to_number == "+15550009000"
        return done

    actions = Actions(hang_up=lambda: None, leave_to_mailbox=lambda: done, transfer=transfer)
    given = llm.ToolContext(tools_of(factories.assistant(**assistant), actions)).function_tools
    return {name: tool for name, tool in given.items() if isinstance(tool, llm.FunctionTool)}


@pytest.mark.parametrize("behaviour", ["hang_up", "leave_message"])
def test_model_is_asked_to_recognise_a_mailbox(behaviour: Any) -> None:
    assert set(tools(voicemail=Voicemail(behaviour=behaviour, message="Hello."))) == {"end_call", "voicemail_detected"}


def test_assistant_that_goes_on_talking_to_a_mailbox_looks_for_none() -> None:
    assert set(tools(voicemail=Voicemail(behaviour="continue"))) == {"end_call"}


async def test_model_that_takes_a_person_for_a_mailbox_is_told_so() -> None:
    assert await tools(done=False)["voicemail_detected"]() == A_PERSON
    assert await tools(done=True)["voicemail_detected"]() is None


async def test_model_is_told_when_a_transfer_has_failed() -> None:
    given = Tools(transfer=Transfer(to_number="+15550009000", when="they want a human"))
    assert "they want a human" in str(tools(tools=given)["transfer_call"].info.description)
    assert await tools(tools=given, done=False)["transfer_call"](Playout()) == NOT_TRANSFERRED
    assert await tools(tools=given)["transfer_call"](Playout()) is None
