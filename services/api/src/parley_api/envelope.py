"""The envelope of every JSON answer."""

from pydantic import BaseModel


class Envelope[T](BaseModel):
    """`success`, a message for people, and the data."""

    success: bool = True
    message: str
    data: T


class FieldError(BaseModel):
    """Which field is wrong and why; never its value."""

    field: str
    reason: str


class FieldErrors(BaseModel):
    """The data of a 422."""

    errors: list[FieldError]


class Failure(BaseModel):
    """The envelope of an error."""

    success: bool = False
    message: str
    data: FieldErrors | dict[str, str] = {}
