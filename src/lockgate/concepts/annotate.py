"""A note's mentions and values, with how each is meant."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lockgate.concepts.context import Context, of_sentence, read_context
from lockgate.concepts.dictionary import Dictionary, Entry, Found, apply_defined, defined
from lockgate.concepts.fold import Folded
from lockgate.concepts.sections import Section, Sections
from lockgate.concepts.sentences import Sentences
from lockgate.concepts.signs import Signs, find_signs
from lockgate.concepts.values import Value, statuses, value_at

SNIPPET = 250  # characters of a snippet at most


@dataclass(frozen=True, slots=True)
class Mention:
    """A term or a value in a note: its place (characters of the text), what it is, and how it is meant."""

    begin: int
    end: int
    context: Context
    section: Section | None
    entry: Entry | None = None
    value: Value | None = None
    sentence: tuple[int, int] = (0, 0)

    def modifiers(self) -> str:
        """``term_modifiers``: docs/decisions/0154-rows-of-note-nlp.md."""
        said = self.context
        pairs = [
            ("negated", str(said.negated).lower()),
            ("subject", "other" if said.other else "patient"),
            ("certainty", said.certainty),
            ("conditional", str(said.conditional).lower()),
            ("historical", str(said.historical).lower()),
        ]
        if self.section is not None:
            pairs.append(("section", self.section.name))
        if self.entry is not None and self.entry.code:
            pairs.append(("code", self.entry.code))
        if self.value is not None:
            pairs.append(("name", self.value.name))
            pairs += [
                (name, shown)
                for name, shown in (
                    ("operator", self.value.operator),
                    ("value", "" if self.value.value is None else f"{self.value.value:g}"),
                    ("value_high", "" if self.value.high is None else f"{self.value.high:g}"),
                    ("unit", self.value.unit),
                    ("qualifier", self.value.qualifier),
                )
                if shown
            ]
        return ";".join(f"{name}={value}" for name, value in pairs)

    def snippet(self, text: str) -> str:
        """The sentence, or what of it stands round the mention."""
        first, last = self.sentence
        if last - first > SNIPPET:
            first = max(first, min(self.begin - SNIPPET // 2, last - SNIPPET))
            last = min(last, first + SNIPPET)
        return " ".join(text[first:last].split())


@dataclass(frozen=True)
class Annotator:
    """What notes are read with: a dictionary, and the concepts of values and sections that the vocabulary has."""

    dictionary: Dictionary
    concepts: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def annotate(self, text: str) -> list[Mention]:
        """The mentions of a note, in their order."""
        folded = Folded(text)
        found = self.dictionary.find(text, folded)
        if found:
            found = apply_defined(text, found, defined(text, found, self.dictionary))
        signs = find_signs(text, folded)
        sentences = Sentences(text)
        values = _values(text, signs, sentences)
        return _read(text, found, values, signs, sentences)


def contexts(text: str, spans: Sequence[tuple[int, int]]) -> list[Context]:
    """How each of some places of a text is meant, whatever stands there: what others found may be asked about too."""
    signs, sentences = find_signs(text, Folded(text)), Sentences(text)
    order = sorted(range(len(spans)), key=lambda number: spans[number])
    found = [Found(*spans[number], Entry("", 0)) for number in order]
    made = {
        (one.begin, one.end): one.context for one in _read(text, found, [], signs, sentences, across=True)
    }
    return [made[span] for span in spans]


def _values(text: str, signs: Signs, sentences: Sentences) -> list[Value]:
    """The values of a note, each place once: the longest."""
    found = [
        value
        for begin, end, cue in signs.cues
        for value in value_at(text, begin, end, cue, sentences.span(begin)[1])
    ]
    found += statuses(text)
    found.sort(key=lambda value: (value.begin, -value.end))
    kept: list[Value] = []
    for value in found:
        last = kept[-1] if kept else None
        if last and value.begin < last.end and (value.begin, value.end) != (last.begin, last.end):
            continue
        if last and value[:3] == last[:3]:
            continue
        kept.append(value)
    return kept


def _read(
    text: str,
    found: list[Found],
    values: list[Value],
    signs: Signs,
    sentences: Sentences,
    *,
    across: bool = False,
) -> list[Mention]:
    """Each mention with its context, sentence by sentence; one that runs over a sentence's end only with ``across``."""
    items: list[tuple[int, int, Entry | None, Value | None]] = []
    starts = [value.begin for value in values]
    for one in found:
        at = bisect_right(starts, one.begin)
        if not at or one.end > values[at - 1].end:  # not a part of a value
            items.append((one.begin, one.end, one.entry, None))
    items += [(value.begin, value.end, None, value) for value in values]
    items.sort(key=lambda item: item[:2])
    begins = [sign.begin for sign in signs.triggers]
    mentions: list[Mention] = []
    at = 0
    while at < len(items):
        sentence = sentences.span(items[at][0])
        until = at
        while until < len(items) and items[until][0] < sentence[1]:
            until += 1
        part = [item for item in items[at:until] if across or item[1] <= sentence[1]]
        mentions += _of_sentence(text, part, sentence, signs, begins)
        at = until
    return mentions


def _of_sentence(
    text: str,
    part: list[tuple[int, int, Entry | None, Value | None]],
    sentence: tuple[int, int],
    signs: Signs,
    begins: list[int],
) -> list[Mention]:
    made = []
    triggers = of_sentence(signs.triggers, begins, sentence)
    for places, section in _by_section(part, signs.sections):
        # a head that stands in the sentence begins it anew
        head = signs.sections.place_at(places[0][0])
        first = max(sentence[0], head.text) if head and head.begin >= sentence[0] else sentence[0]
        first = min(first, places[0][0])
        spans = [(begin, end) for begin, end, _, _ in places]
        default = section.default if section else None
        near = [sign for sign in triggers if sign.begin >= first]
        contexts = read_context(text, (first, sentence[1]), near, spans, default)
        for (begin, end, entry, value), context in zip(places, contexts, strict=True):
            if value is not None:  # a number was measured, whatever is said around it; a status may be denied
                context = _of_value(value, context)
            made.append(Mention(begin, end, context, section, entry, value, sentence))
    return made


def _of_value(value: Value, context: Context) -> Context:
    """A value's context: numbers are not negated, nor is a smoking status whose words say it themselves."""
    if value.name == "smoking_status":
        return Context(historical=value.qualifier == "ex_smoker", other=context.other)
    return Context(historical=context.historical, other=context.other, conditional=context.conditional)


def _by_section(
    part: list[tuple[int, int, Entry | None, Value | None]], sections: Sections
) -> list[tuple[list[tuple[int, int, Entry | None, Value | None]], Section | None]]:
    """The items of one sentence by the section they stand in: "PMH asthma. DH nil" may be one."""
    if not sections.places:
        return [(part, None)] if part else []
    groups: list[tuple[list[tuple[int, int, Entry | None, Value | None]], Section | None]] = []
    for item in part:
        section = sections.at(item[0])
        if groups and groups[-1][1] is section:
            groups[-1][0].append(item)
        else:
            groups.append(([item], section))
    return groups
