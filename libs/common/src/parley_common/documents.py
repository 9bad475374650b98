"""What everything that is stored has in common."""

from pydantic import BaseModel, ConfigDict


class Stored(BaseModel):
    """Part of a document: fields of a later version are ignored, values stand in no error."""

    model_config = ConfigDict(hide_input_in_errors=True, extra="ignore", validate_default=True)
