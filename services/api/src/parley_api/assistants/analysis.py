"""What an assistant wants to know of its calls, as it is asked for."""

import re
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from parley_api.fields import Name
from parley_common.assistants import AnalysisPlan, Question

_ANSWER_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


def _answer_name(value: str) -> str:
    if not _ANSWER_NAME.fullmatch(value):
        raise PydanticCustomError("answer_name", "must be up to 64 small letters, digits and _, a letter first")
    return value


def _choice(value: str) -> str:
    """Providers refuse these characters in the values of a schema."""
    if any(character in '"\\' or not character.isprintable() for character in value):
        raise PydanticCustomError("choice", 'must not contain ", \\ or line breaks')
    return value


type Choice = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), AfterValidator(_choice)
]
type Sentence = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class QuestionBody(Question):
    """What is to be found out of the conversation; `{{ key }}` in the question is filled."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[
        str,
        AfterValidator(_answer_name),
        Field(
            description="Key of the answer in the report", json_schema_extra={"pattern": f"^{_ANSWER_NAME.pattern}$"}
        ),
    ]
    question: Sentence
    choices: list[Choice] = Field(
        default_factory=list,
        max_length=50,
        validate_default=True,
        description='Two or more if `type` is `choice`, else none; without ", \\ and line breaks',
    )

    @field_validator("choices")
    @classmethod
    def _choices_go_with_their_type(cls, value: list[str], info: ValidationInfo) -> list[str]:
        match info.data.get("type"):
            case "choice" if not 1 < len(set(value)) == len(value):
                raise PydanticCustomError("choices_required", "must be two or more, all different, if type is choice")
            case "text" | "number" | "boolean" if value:
                raise PydanticCustomError("choices_refused", "only allowed when type is choice")
        return value


class AnalysisBody(AnalysisPlan):
    """Whether a model draws conclusions from what was said: a summary, whether the goal was reached, and answers."""

    model_config = ConfigDict(extra="forbid")
    enabled: bool = Field(default=False, description="One request to the model after each answered call")
    model: Annotated[Name, Field(description="Of Chat Completions with structured outputs; not checked here")] = (
        "gpt-4.1-mini"
    )
    goal: Annotated[
        Sentence | None,
        Field(description="A sentence that is true of a call that went well; {{ key }} is filled"),
    ] = None
    questions: list[QuestionBody] = Field(default_factory=list, max_length=20)

    @field_validator("questions")
    @classmethod
    def _names_differ(cls, value: list[QuestionBody]) -> list[QuestionBody]:
        if len({question.name for question in value}) != len(value):
            raise PydanticCustomError("names_distinct", "must not use a name twice")
        return value
