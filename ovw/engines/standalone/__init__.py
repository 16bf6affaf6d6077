"""Times an engine on clips in any interpreter, ovw installed in it or not: NumPy and the engine's package will do.

The packages of the peers exclude each other, so each may live in an environment of its own. `python -m
ovw.engines.standalone` runs this with ovw, `PYTHON .../ovw/engines/standalone` without; the job comes as JSON on stdin.
"""
