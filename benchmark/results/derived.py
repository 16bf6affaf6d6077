"""Figures derived from the raw values: shares of the roof, error rates, skipped rounds."""

from __future__ import annotations

from collections import defaultdict
from statistics import median

from ovw.benchmark.clips import Clips
from ovw.benchmark.config import BenchConfig
from ovw.benchmark.journal import RecordJournal
from ovw.benchmark.measuring.pace import SLOWED, Pace, fastest
from ovw.benchmark.roofline.roofs import add_shares, roofline_rows
from ovw.extras import missing
from ovw.record import Metric, peak_key

SCORERS = ("jiwer", "whisper_normalization")
"""Modules that count errors."""


def finish(config: BenchConfig, clips: Clips, journal: RecordJournal, left_out: dict[str, str]) -> None:
    """Complete the record with what follows from what was measured.

    Args:
        config: the request.
        clips: that were transcribed.
        journal: of the measurements.
        left_out: cases that got fewer rounds than were asked for.
    """
    note_slowed(journal)
    record = journal.record
    peaks = record.facts.get("peaks", {})
    cases = []
    roofs = []
    rates, unscored = _error_rates(journal, clips) if config.dataset else ({}, {})
    for case in record.cases:
        known = peaks.get(peak_key(case.config))
        done = add_shares(case, known) if known else case
        roofs += roofline_rows(done, known) if known else []
        cases.append(done.model_copy(update={"metrics": done.metrics | rates.get(case.name, {})}))
    tables = {name: rows for name, rows in record.tables.items() if name != "roofline"}
    facts = record.facts | {"left_out": record.facts.get("left_out", {}) | left_out | unscored}
    if config.dataset and (packages := missing(*SCORERS)):
        facts["wer"] = f"not scored: pip install {' '.join(packages)}"
    journal.update(cases=tuple(cases), tables=tables | ({"roofline": roofs} if roofs else {}), facts=facts)


def note_slowed(journal: RecordJournal) -> None:
    """Note the machine's fastest pace, and the share of it in which a case was measured where that is much less."""
    paces = {case.name: [Pace(**pace) for pace in case.facts.get("pace", [])] for case in journal.record.cases}
    if not any(paces.values()):
        return
    most = fastest([pace for found in paces.values() for pace in found])
    cases = []
    for case in journal.record.cases:
        facts = {name: value for name, value in case.facts.items() if name != "slowed"}
        shares = [pace.share_of(most) for pace in paces[case.name]]
        if shares and median(shares) < SLOWED:
            facts["slowed"] = round(median(shares), 2)
        cases.append(case.model_copy(update={"facts": facts}))
    journal.update(cases=tuple(cases), facts=journal.record.facts | {"pace": most.describe()})


Rates = dict[str, dict[str, Metric]]
"""Error rates by case and name."""


def _error_rates(journal: RecordJournal, clips: Clips) -> tuple[Rates, dict[str, str]]:
    """WER, or CER where a language is written without spaces, by case; and the clips left out, with the reason.

    None where the scorer is not installed.
    """
    if missing(*SCORERS):
        return {}, {}
    from ovw.scoring.bootstrap import rate_interval
    from ovw.scoring.counts import Pair, count
    from ovw.scoring.normalizer import by_characters

    languages = {clip.id: clip.language for clip in clips.clips}
    grouped = defaultdict(list)
    for row in journal.record.tables.get("hypotheses", []):
        language = row.get("language", languages.get(row["id"]))
        name = "cer" if by_characters(language) else "wer"
        grouped[row["case"], name].append((row["id"], Pair(row["reference"], row["hypothesis"], language)))
    found: Rates = defaultdict(dict)
    unscored: set[str] = set()
    for (case, name), rows in grouped.items():
        counts = count([pair for _, pair in rows])
        unscored |= {clip for (clip, _), scored in zip(rows, counts.scored, strict=True) if not scored}
        used = counts.take(counts.scored)
        if used.scored.any():
            ci95 = rate_interval(used.errors, used.lengths)
            found[case][name] = Metric(value=round(used.rate(), 4), unit="%", ci95=ci95)
    if not unscored:
        return found, {}
    part = f"error rates of {len(unscored)} of {len(languages)} clips"
    return found, {part: "no words in the reference, once normalized"}
