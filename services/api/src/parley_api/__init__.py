"""The REST API: assistants, trunks, calls, LiveKit's webhooks."""
