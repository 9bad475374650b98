"""The api offers the speakers that the agent's plugin can speak with; it does not install the plugin to know them."""

from livekit.plugins.sarvam.models import MODEL_SPEAKER_COMPATIBILITY

from parley_agent.providers import SARVAM_MODEL as SPOKEN_MODEL
from parley_api.assistants.speakers import SARVAM_MODEL, SARVAM_SPEAKERS


def test_speakers_offered_are_those_of_the_current_model() -> None:
    assert sorted(SARVAM_SPEAKERS) == sorted(set(MODEL_SPEAKER_COMPATIBILITY[SARVAM_MODEL]["all"]))


def test_model_is_the_one_that_the_agent_speaks_with() -> None:
    assert SARVAM_MODEL == SPOKEN_MODEL
