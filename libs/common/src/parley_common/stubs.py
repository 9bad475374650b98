"""What is left of a call whose data was deleted: ids, status and times."""

from parley_common.assistants import AssistantSnapshot, Voice
from parley_common.calls import Call

KEPT = frozenset(
    {
        *("call_id", "owner_id", "room_name", "trunk_id", "call_service", "status", "version", "deletion"),
        *("queued_at", "due_at", "expires_at", "not_after", "deadline_at", "starting_at", "agent_ready_at"),
        *("answered_at", "ended_at", "cancel_requested_at", "attempts", "end_reason", "sip_status_code"),
    }
)
"""What says nothing about a person. A field that is added to calls goes with the data, unless it is named here."""


def stub_of(call: Call) -> dict[str, object]:
    """Return the facts that leave nothing else of a call."""
    goes = {name: field for name, field in Call.model_fields.items() if name not in KEPT and not field.is_required()}
    emptied = {name: field.get_default(call_default_factory=True) for name, field in goes.items()}
    return {**emptied, "to_number": "", "assistant": _nameless(call.assistant)}


def _nameless(assistant: AssistantSnapshot) -> AssistantSnapshot:
    """Keep which assistant it was; its prompt was filled with what the call's metadata said."""
    return AssistantSnapshot(
        assistant_id=assistant.assistant_id,
        assistant_name=assistant.assistant_name,
        prompt="",
        recording_enabled=False,
        voice=Voice(tts_model=assistant.voice.tts_model),
    )
