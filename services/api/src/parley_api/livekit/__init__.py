"""What LiveKit tells us."""
