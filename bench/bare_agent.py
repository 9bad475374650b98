"""The floor of a conversation: what a careful user of livekit-agents writes for the same providers, nothing else.

The job's metadata says whom to call; the session is up before the phone rings, and the agent greets at the answer.
"""

import json
import os

from livekit import api, rtc
from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli, room_io
from livekit.plugins import cartesia, openai
from openai.types.realtime import AudioTranscription
from openai.types.realtime.realtime_audio_input_turn_detection import ServerVad

AGENT_NAME = "bare"
INSTRUCTIONS = "You help John with an order. You are on a phone call. Speak in short sentences."
GREETING = 'Say "Hello John, how can I help?"'

server = AgentServer(
    num_idle_processes=2, load_fnc=lambda worker: len(worker.active_jobs) / 10, host="127.0.0.1", port=0
)


@server.rtc_session(agent_name=AGENT_NAME)
async def hold_call(ctx: JobContext) -> None:
    """Call, greet, talk; the job ends when the callee hangs up."""
    dial = json.loads(ctx.job.metadata)
    session: AgentSession[None] = AgentSession(
        llm=openai.realtime.RealtimeModel(
            model="gpt-realtime",
            modalities=["text"],
            input_audio_transcription=AudioTranscription(model="gpt-4o-mini-transcribe", language="en"),
            turn_detection=ServerVad(
                type="server_vad",
                threshold=0.5,
                silence_duration_ms=500,
                prefix_padding_ms=300,
                create_response=True,
                interrupt_response=True,
            ),
        ),
        tts=cartesia.TTS(
            voice=dial["voice_id"],
            base_url=os.environ["CARTESIA_BASE_URL"],  # noqa: TID251  # a script of its own
        ),
        vad=None,
        turn_handling={"turn_detection": "realtime_llm"},
        aec_warmup_duration=None,
    )
    phones = [rtc.ParticipantKind.PARTICIPANT_KIND_SIP]
    await session.start(
        Agent(instructions=INSTRUCTIONS), room=ctx.room, room_options=room_io.RoomOptions(participant_kinds=phones)
    )
    ctx.room.on("participant_disconnected", lambda _: ctx.shutdown())
    await ctx.api.sip.create_sip_participant(
        api.CreateSIPParticipantRequest(
            sip_trunk_id=dial["trunk_id"],
            sip_call_to=dial["to_number"],
            room_name=ctx.room.name,
            participant_identity="callee",
            wait_until_answered=True,
        )
    )
    await session.generate_reply(instructions=GREETING)


if __name__ == "__main__":
    cli.run_app(server)
