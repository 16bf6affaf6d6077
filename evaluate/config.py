"""The configuration of `ovw eval`: the dataset, the decoding options and everything around them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from ovw.choices import BootstrapUnit, EvalFormat
from ovw.config import UserPath, as_list
from ovw.datasets.resolve import DatasetOptions
from ovw.errors import UsageError
from ovw.models import find_language
from ovw.scale.config import RunConfig
from ovw.scoring.bootstrap import DRAWS
from ovw.transcribe.options import AUTO, MOST_BEAMS, MOST_WINDOWS


class EvalConfig(RunConfig, DatasetOptions):
    """The options of `ovw eval`, from a command line or a YAML file."""

    beam_size: int = Field(default=1, ge=1, le=MOST_BEAMS)
    """Beams at temperature 0; 1 is greedy decoding."""
    batch_size: int = Field(default=1, ge=0, le=MOST_WINDOWS)
    """Windows decoded together, of one clip or of several; 0 chooses for each clip as `ovw transcribe` does."""
    reference: str | None = None
    """The reference: `pytorch`, a `.pt` file, an artifact, an earlier run's folder, or a JSONL of hypotheses."""
    output: UserPath | None = None
    """The run's folder; by default one below `$OVW_HOME/evals` that belongs to just this request."""
    detect_language: bool = False
    """Let the model detect the language, even where the dataset has it."""
    strict: bool = False
    """Stop at the first clip that cannot be used."""
    force: bool = False
    """Begin anew, whatever run the folder holds."""
    interval: BootstrapUnit = "utterance"
    """The unit that the bootstrap draws: speakers, where few of them have many utterances."""
    draws: int = Field(default=DRAWS, ge=100, le=100_000)
    """Sets that the bootstrap draws."""
    worst: int = Field(default=10, ge=0)
    """Utterances to show with their errors."""

    format: Annotated[tuple[EvalFormat, ...], BeforeValidator(as_list)] = ()
    """Further files: `leaderboard` is the manifest of the Open ASR Leaderboard."""
    score_silence: bool = False
    """Count what is made up over clips with an empty reference, apart from the error rate."""

    @model_validator(mode="after")
    def _check_language(self) -> EvalConfig:
        if self.language and self.language.lower() == AUTO:
            raise UsageError("language auto", "leave it out, and give --detect-language")
        if self.language:
            find_language(self.language)
        if self.detect_language and self.language:
            raise UsageError("language and detect_language contradict each other", "leave one of them out")
        return self

    @property
    def scores_languages(self) -> bool:
        """Whether the languages of the dataset choose the rules of scoring."""
        return self.language is None and self.task != "translate"

    def speech(self) -> DatasetOptions:
        """The dataset options alone."""
        return self.part(DatasetOptions)
