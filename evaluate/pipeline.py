"""`ovw eval` from request to record."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ovw.artifact.locate import identity_sha256, load_manifest, locate_or_default
from ovw.datasets.resolve import choose, open_dataset
from ovw.datasets.utterance import Dataset, Problem
from ovw.engines.registry import EngineSpec, PytorchFile
from ovw.errors import OvwError
from ovw.evaluate.config import EvalConfig
from ovw.evaluate.facts import calibrated_on, describe_dataset, describe_problems, describe_reference
from ovw.evaluate.journal import HypothesisJournal
from ovw.evaluate.languages import assumed_language, in_language, list_languages, warn_of_languages
from ovw.evaluate.leaderboard import write_leaderboard
from ovw.evaluate.reference import Reference, find_reference
from ovw.evaluate.request import default_output, request_of
from ovw.evaluate.results import compute_results
from ovw.evaluate.score import flag_counts
from ovw.evaluate.transcription import EvalObserver, TranscribeClips, run
from ovw.files import write_whole
from ovw.home import real_path
from ovw.models import find_language
from ovw.record import RECORD_FILE, REFERENCE_FOLDER, Record, describe_artifact, new_record, write_record
from ovw.report.eval_tables import markdown
from ovw.report.pipeline import write_run_page
from ovw.report.runs import Run
from ovw.scoring.hypothesis import Hypothesis
from ovw.scoring.normalizer import describe_normalizer
from ovw.scoring.utterances import ScoredUtterance, worst_first


@dataclass(frozen=True)
class Evaluation:
    """The result of an `ovw eval`."""

    folder: Path
    record: Record
    worst: list[ScoredUtterance]
    problems: list[Problem]


@dataclass(frozen=True)
class EvalClips:
    """The clips of a run.

    Attributes:
        dataset: that has them.
        assumed: language of those that have none.
        total: how many, if known.
    """

    dataset: Dataset
    assumed: str | None
    total: int | None


def evaluate(
    config: EvalConfig, observer: EvalObserver | None = None, *, pytorch_file: PytorchFile | None = None
) -> Evaluation:
    """Transcribe a dataset, score it, compare it and write everything down.

    Args:
        config: the request.
        observer: callbacks for progress.
        pytorch_file: finds an artifact's checkpoint, for `--reference pytorch`.

    Raises:
        OvwError: no model or dataset, nothing that could be scored, or with `strict` a problem.
    """
    watch = observer or EvalObserver()
    normalizer = describe_normalizer()
    folder = locate_or_default(config.model)
    manifest, manifest_sha256 = load_manifest(folder), identity_sha256(folder)
    reference = find_reference(config, manifest, pytorch_file)
    dataset = open_dataset(config.speech())
    spec = EngineSpec("openvino", real_path(folder), config.running(), exact=config.exact)
    request = request_of(config, spec, manifest_sha256)
    assumed = assumed_language(config, manifest.languages)
    listed = list_languages(config.speech(), dataset, assumed)  # a dataset that is not there leaves no folder behind
    total = config.limit if listed is None else listed.total()
    output = Path(config.output) if config.output else default_output(folder.name, dataset.name, request)

    with HypothesisJournal(output, request, force=config.force) as journal:
        watch.on_step(f"{dataset.name}: {folder.name}")
        if listed and config.scores_languages:
            warn_of_languages(listed)
        clips = EvalClips(dataset, assumed, total)
        hypotheses, problems = _transcribe(config, spec, clips, journal, watch)
        compared = _hypotheses_of(reference, config, clips, output, watch)

        watch.on_step("scoring")
        if listed is None and config.scores_languages:
            warn_of_languages(Counter(one.language for one in hypotheses))
        results = compute_results(hypotheses, compared, config)
        if results is None:
            seen = f": {problems[0].id}: {problems[0].reason}" if problems else ""
            seen = ": no reference has words once normalized" if hypotheses and not problems else seen
            raise OvwError(f"no clip of {dataset.name} could be scored{seen}", f"{dataset.origin} was read")
        facts = {
            "dataset": describe_dataset(dataset, hypotheses),
            "normalizer": normalizer,
            "engine": journal.engine,
            "problems": describe_problems(results.scored, problems, silence=config.score_silence),
            "flags": flag_counts(results.scored),
            "calibrated_on": calibrated_on(manifest, hypotheses),
        }
        if reference:
            facts["reference"] = describe_reference(reference, results.comparisons)
        record = new_record(
            "eval",
            config.model_dump(mode="json"),
            artifact=describe_artifact(folder, manifest, manifest_sha256),
            facts=facts,
            metrics=results.metrics,
            tables=results.tables,
        )
        bad = [entry for entry in worst_first(results.utterances) if entry.errors][: config.worst]
        write_record(record, output / RECORD_FILE)
        write_whole(output / "report.md", markdown(record, bad))
        if "leaderboard" in config.format:
            write_leaderboard(hypotheses, folder.name, dataset.name, output)
        write_run_page(Run(output.name, record, {"": results.utterances}, output), output / "report.html")
    return Evaluation(output, record, bad, problems)


def _transcribe(
    config: EvalConfig, spec: EngineSpec, clips: EvalClips, journal: HypothesisJournal, watch: EvalObserver
) -> tuple[list[Hypothesis], list[Problem]]:
    language = find_language(config.language) if config.language else None
    task = TranscribeClips(spec, config.decoding(), language, config.detect_language)
    items = in_language(choose(clips.dataset, config.speech()), clips.assumed)
    modes = {"strict": config.strict, "silence": config.score_silence, "translate": config.task == "translate"}
    return run(items, task, config.pool(), journal, total=clips.total, observer=watch, **modes)


def _hypotheses_of(
    reference: Reference | None, config: EvalConfig, clips: EvalClips, output: Path, watch: EvalObserver
) -> list[Hypothesis] | None:
    """The reference's hypotheses on the same clips; run or resumed in a folder within the run's own."""
    if reference is None or reference.spec is None:
        return reference.hypotheses if reference else None
    request = request_of(config, reference.spec, reference.spec.identity_sha256())
    with HypothesisJournal(output / REFERENCE_FOLDER, request, force=config.force) as journal:
        watch.on_step(f"{clips.dataset.name}: {reference.name}")
        return _transcribe(config, reference.spec, clips, journal, watch)[0]
