"""A faster pair of graphs, made in memory out of an artifact's own when it is loaded; its files stay as they are.

- Cross-attention keys and values are projected behind the encoder, once a window, and go into the decoder as inputs in
  int8, see `ovw.runtime.fast.attention`; as states the CPU plugin would copy all of them at every token.
- The decoder gives logits of the positions that are asked for, not of a whole prompt.
- The padding behind a short window is merged into few positions, see `ovw.runtime.fast.context`.
- Neighbouring positions that are alike are merged, see `ovw.runtime.fast.merging`.
"""
