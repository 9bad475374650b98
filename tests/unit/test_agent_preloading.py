"""What is ready before a call comes."""

import importlib

from openai import BaseModel
from openai.types import realtime


def test_no_message_of_the_model_is_prepared_in_a_call() -> None:
    importlib.import_module("parley_agent.preloading")
    messages = [each for each in vars(realtime).values() if isinstance(each, type) and issubclass(each, BaseModel)]
    assert [each.__name__ for each in messages if not each.__pydantic_complete__] == []
    assert len(messages) > 50
