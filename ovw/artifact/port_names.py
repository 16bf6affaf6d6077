"""Names of the graphs' inputs and outputs.

Those of the genai layout are what openvino-genai, optimum-intel and Hugging Face call them; those of the stateless and
the onnx layout are openai/whisper's, as in OpenVINO's first notebook of Whisper.
"""

INPUT_FEATURES = "input_features"
"""Log-mel spectrogram [B, mels, frames]."""
LAST_HIDDEN_STATE = "last_hidden_state"
"""The encoder's output [B, S, state]."""
INPUT_IDS = "input_ids"
"""Tokens, i64 [B, n]."""
ENCODER_HIDDEN_STATES = "encoder_hidden_states"
"""The encoder's output, as the decoder takes it [B, S, state]."""
BEAM_IDX = "beam_idx"
"""Which row of the cache each row continues, i32 [B]."""
LOGITS = "logits"
"""[B, n, n_vocab], in every layout."""

MEL = "mel"
"""As `INPUT_FEATURES`."""
OUTPUT_FEATURES = "output_features"
"""As `LAST_HIDDEN_STATE`."""
TOKENS = "tokens"
"""As `INPUT_IDS`."""
AUDIO_FEATURES = "audio_features"
"""As `ENCODER_HIDDEN_STATES`."""
