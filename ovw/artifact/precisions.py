"""The precisions of an artifact's weights, one row each."""

from __future__ import annotations

from dataclasses import dataclass

from ovw.errors import row_of


@dataclass(frozen=True)
class PrecisionRow:
    """A precision. Its tolerance is in `ovw.convert.parity`; its recipe, if it compresses, in `configs/recipes.yaml`.

    Attributes:
        name: of it.
        preference: of the artifacts of one size, that with the lowest is meant by the size alone.
        bytes_per_weight: on disk.
        peaks: bytes of memory for each weight of the encoder, and of the decoder, while an artifact is made.
        compressed: by NNCF, with a recipe.
        stores_f16: f32 constants are stored as f16.
    """

    name: str
    preference: int
    bytes_per_weight: int
    peaks: tuple[float, float]
    compressed: bool = True
    stores_f16: bool = True


_ROWS = (
    PrecisionRow("fp32", preference=4, bytes_per_weight=4, peaks=(10.0, 10.0), compressed=False, stores_f16=False),
    PrecisionRow("fp16", preference=2, bytes_per_weight=2, peaks=(6.5, 5.2), compressed=False),
    PrecisionRow("int8", preference=1, bytes_per_weight=1, peaks=(8.0, 8.0)),
    # computes in int8 too; calibration looks at all activations of a layer at once
    PrecisionRow("int8-ptq", preference=3, bytes_per_weight=1, peaks=(31.0, 8.0)),
    PrecisionRow("int4", preference=5, bytes_per_weight=1, peaks=(8.0, 8.0)),
)
PRECISIONS: dict[str, PrecisionRow] = {row.name: row for row in _ROWS}


def precision_row(name: str) -> PrecisionRow:
    """The row of a precision; raises as `row_of`."""
    return row_of(PRECISIONS, name, "precision")
