"""A result in the terminal: figures, verdict, the worst utterances in colour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from ovw.evaluate.pipeline import Evaluation
from ovw.record import Metric, Record
from ovw.record_tables import number, show
from ovw.report.eval_tables import title
from ovw.scoring.counts import Step
from ovw.scoring.utterances import ScoredUtterance
from ovw.terminal import output_console, print_rows

LEGEND = Step("substitute", "reference", "hypothesis")


def print_evaluation(done: Evaluation) -> None:
    """Print a run; the folder comes last."""
    console = Console(highlight=False, soft_wrap=True)
    for line in summary(done.record):
        console.print(line, markup=False)
    colour = console.is_terminal and not console.no_color
    if done.worst:
        console.print(Text("\nworst utterances: ").append_text(diff([LEGEND], colour=colour)))
    for entry in done.worst:
        console.print(_worst(entry, colour=colour))
    console.print(f"\n{done.folder}", markup=False)


def summary(record: Record) -> list[str]:
    """The figures in a few lines."""
    found, engine = record.metrics, record.facts["engine"]
    precision = engine.get("inference_precision", "")
    lines = [f"{title(record)}: {number(found['utterances'].value)} clips, {found['audio'].value:.0f} s, {precision}"]
    for unit, prefix, noun in (("wer", "", "words"), ("cer", "cer_", "characters")):
        if unit in found:
            lines.append(_rate(found, unit, prefix, noun))
        if f"{unit}_with_marks" in found:
            lines.append(f"  {unit.upper()} {show(found[f'{unit}_with_marks'])} with vowel signs and other marks kept")
    if written := [
        f"{name} {show(found[f'{name}_error_rate'])}" for name in ("punctuation", "case") if f"{name}_errors" in found
    ]:
        lines.append(f"  in words that are right: errors of {', '.join(written)}")
    if "silence_clips" in found:
        clips, words, rate = (found[f"silence_{key}"] for key in ("clips", "insertions", "hallucination_rate"))
        lines.append(
            f"  over silence: {words.value:g} words in {clips.value:g} clips, {show(rate)} of the clips made up"
        )
    if "speed" in found:
        again, made_up = show(found["fallback_rate"]), show(found["hallucination_rate"])
        lines.append(f"  speed {found['speed'].value:.1f}x real time; decoded again {again}; made up {made_up}")
    if reference := record.facts.get("reference"):
        verdicts = reference["verdict"].items()
        lines += [f"  {unit.upper()} against {reference['name']}: {verdict}" for unit, verdict in verdicts]
    if seen := record.facts.get("calibrated_on"):
        lines.append(f"  {len(seen)} of the clips calibrated this artifact: the figure is too good")
    problems = record.facts["problems"]
    if problems["count"]:
        named = "; ".join(f"{p['id']}: {p['reason']}" for p in problems["listed"][:3])
        more = "; ..." if problems["count"] > 3 else ""
        lines.append(f"  {problems['count']} could not be used: {named}{more}")
    return lines


def _rate(found: dict[str, Metric], unit: str, prefix: str, noun: str) -> str:
    parts = ("substitutions", "substituted"), ("deletions", "deleted"), ("insertions", "inserted")
    errors = ", ".join(f"{number(found[prefix + name].value)} {verb}" for name, verb in parts)
    metric = found[unit]
    ci95 = f" (95 %: {metric.ci95[0]:.2f} to {metric.ci95[1]:.2f})" if metric.ci95 else ""
    return f"  {unit.upper()} {metric.value:.2f} %{ci95}; {errors} of {number(found[noun].value)} {noun}"


def _worst(entry: ScoredUtterance, *, colour: bool) -> Text:
    flags = f" {', '.join(entry.flags)}" if entry.flags else ""
    text = Text(f"{entry.hypothesis.id} ({entry.errors} of {entry.length}{flags})  ", style="dim")
    return text.append_text(diff(entry.steps, colour=colour))


def diff(steps: Sequence[Step], *, colour: bool) -> Text:
    """An alignment: reference in red, hypothesis in green; without colour `[-reference-] {+hypothesis+}`."""
    deleted, inserted = (("{}", "red strike"), ("{}", "green")) if colour else (("[-{}-]", ""), ("{{+{}+}}", ""))
    words: list[Text] = []
    for step in steps:
        if step.kind == "equal":
            words.append(Text(step.reference, style="default"))
            continue
        sides = ((step.reference, *deleted), (step.hypothesis, *inserted))
        words += [Text(form.format(text), style=style) for text, form, style in sides if text]
    return Text(" ").join(words)


def print_table(rows: Sequence[dict[str, Any]], folder: str) -> None:
    """Print a matrix's table; the folder comes last."""
    console = output_console()
    print_rows(console, rows)
    console.print("* no other run on the same clips is both better and faster", style="dim")
    console.print(folder, markup=False, soft_wrap=True)
