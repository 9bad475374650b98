"""What is wrong with a field, said to people: the validation library's words are about Python and patterns."""

from collections.abc import Mapping
from typing import Any

_OBJECT = "must be a JSON object, sent as application/json"
_WHOLE_NUMBER = "must be a whole number"
_NUMBER = "must be a number"
_TRUTH = "must be true or false"
_TIME = "must be a time, e.g. 2024-03-20T10:00:00Z"
_TEXT = "must be text"

_REASONS: Mapping[str, str] = {
    "missing": "required",
    "extra_forbidden": "no such field",
    "json_invalid": "must be JSON",
    "model_attributes_type": _OBJECT,
    "model_type": "must be an object",
    "dict_type": "must be an object",
    "list_type": "must be a list",
    "too_short": "must have {min_length} or more items",
    "too_long": "must have {max_length} or fewer items",
    "string_type": _TEXT,
    "string_unicode": "must be text without broken Unicode",
    "string_too_short": "must have {min_length} or more characters",
    "string_too_long": "must have {max_length} or fewer characters",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "int_type": _WHOLE_NUMBER,
    "int_parsing": _WHOLE_NUMBER,
    "int_parsing_size": _WHOLE_NUMBER,
    "int_from_float": _WHOLE_NUMBER,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "datetime_type": _TIME,
    "datetime_parsing": _TIME,
    "datetime_from_date_parsing": _TIME,
    "datetime_object_invalid": _TIME,
}


def reason_of(error: Mapping[str, Any]) -> str:
    """Translate one error of the library; our own validators already speak to people."""
    reason = _REASONS.get(error["type"])
    return reason.format(**error.get("ctx", {})) if reason else str(error["msg"])
