"""Voice activity: how likely sound is speech, and which stretches are worth transcribing."""
