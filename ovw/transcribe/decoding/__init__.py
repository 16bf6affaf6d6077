"""One window of audio to tokens: logit filters, search strategies and the loop that joins them.

The algorithm is the one of openai/whisper's `decoding.py`.
"""
