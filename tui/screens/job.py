"""A job's own view: groups of equal outcomes, and one's output or how it differs from most."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable
from typing import ClassVar

import msgspec
from textual.binding import BindingType
from textual.containers import Container
from textual.widget import Widget

from tui import actions, diff, draft, equivalents, groups, render, results, story
from tui.desk import Desk
from tui.ink import EMPTY, Line, Tone, joined, line, plain, say
from tui.outcome import Outcome
from tui.rows import Group, Job, MessageRow
from tui.screens import job_deeds
from tui.screens.view import View
from tui.sheets import Document, Few
from tui.wants import Wants
from tui.widgets.cards import Cards
from tui.widgets.inked import Block
from tui.widgets.lines import Lines
from tui.words import several

LEFT = 60
"""Cells of the groups' pane beside the other, as in the style sheet."""
MARGINS = 4
BAR = 1
"""Cells that a long text's scroll bar takes."""
HIGH = 40
"""Lines of a screen from which a group may take more of them."""
LARGE, SMALL = 4, 2
"""Lines of a group."""
MOST_NAMED = 40
"""Nodes that a filter names one by one."""
AGAIN = 5.0
"""Seconds after which an open job is read again, unasked: messages may have joined it."""


class JobPage(View):
    """Live: what the daemon tells of the job's messages is drawn, and only they are asked for."""

    place = "job"
    CSS_PATH = "job.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("job")]

    def __init__(self, desk: Desk, job: str, tab: str) -> None:
        super().__init__(desk, job, tab)
        self._diff = False
        self._ids_of: Job | None = None
        self._can_change: frozenset[str] | None = None
        self._made: tuple[object, ...] = ()
        self._text = Document([])
        self._sheets = Outcome(lambda action: f"in its message {self.key(action)}")

    def body(self) -> Iterable[Widget]:
        """The job on top; its groups, and what the chosen one brought: beside them, or below."""
        yield Block("summary")
        with Container(id="panes"):
            yield Cards(_key, self._card, "groups")
            yield Lines("outcome")

    def on_mount(self) -> None:
        self.query_one(Cards).focus()
        self.set_interval(AGAIN, self._again)

    def _again(self) -> None:
        if self.is_current and (self.job is None or self.job.open):
            self.desk.link.again("job")

    @property
    def job(self) -> Job | None:
        """The job, once it has been read."""
        found = self.desk.board.job
        return found if found is not None and found.job == self.about else None

    @property
    def group(self) -> Group | None:
        """The group under the cursor."""
        found: Group | None = self.query_one(Cards).current
        return found

    def sample(self, group: Group | None) -> MessageRow | None:
        """The message that stands for the group, once it has been read."""
        return None if group is None else self.desk.board.samples.get(group.sample)

    def wants(self) -> Wants:
        """The job, a message of each group in sight, and the nodes for what is waited for."""
        job, known = self.job, self.desk.board.samples
        if job is None:
            return Wants(nodes=True, job=self.about)
        if job is not self._ids_of:
            changing = (g.ids for g in job.groups if groups.is_open(g) or not g.confirmed)
            self._ids_of, self._can_change = job, frozenset(id for ids in changing for id in ids)
        cards = self.query_one(Cards)
        shown = [*cards.in_sight, cards.current, groups.majority(job.groups)]
        lacking = {g.sample: None for g in shown if g is not None and g.sample not in known}
        settled = (g.sample for g in job.groups if g.confirmed and not groups.is_open(g))
        return Wants(
            nodes=True,
            job=self.about,
            samples=tuple(lacking),
            job_settled=frozenset(id for id in settled if id in known),
            job_open=self._can_change,
        )

    def note(self) -> Line:
        """The job's id."""
        shown = render.short_id(self.about)
        return line(say("job ", Tone.MUTED), say(shown))

    def _card(self, group: Group, cells: int) -> list[Line]:
        nodes, few = self.desk.board.nodes, self.query_one(Cards).tall == SMALL
        return groups.card(group, self.sample(group), nodes, cells, few=few)

    def draw(self) -> None:
        """The top, the groups, and what the chosen one brought."""
        job, cards = self.job, self.query_one(Cards)
        summary, outcome = self.query_one("#summary", Block), self.query_one("#outcome", Lines)
        if job is None:
            summary.show([EMPTY, (self.reading(),)])
            return
        top = results.head(job, self.desk.clock, self.size.width - MARGINS)
        summary.show([EMPTY, *top] if self.is_wide else top)
        tall = LARGE if self.is_wide or self.size.height >= HIGH else SMALL
        cards.show(job.groups, tall=tall, empty=[(say("No messages.", Tone.MUTED),)])
        if not self.is_wide:
            room = max(self.size.height - 9, 6)
            cards.styles.height = min(len(job.groups) * tall, room // 2 // tall * tall or tall)
        outcome.show(self._outcome(job))
        self.rewant()

    def searched(self) -> Lines:
        """What the chosen group brought."""
        return self.query_one("#outcome", Lines)

    def _outcome(self, job: Job) -> Document:
        """What the right pane shows, made again only where something of it has changed."""
        group = self.group
        if group is None:
            return Document([])
        sample, most = self.sample(group), groups.majority(job.groups)
        cells = self.size.width - MARGINS - BAR - (LEFT if self.is_wide else 0)
        nodes = self.desk.board.nodes if groups.is_open(group) else None
        against = self.sample(most) if self._diff else None
        moment = int(self.desk.clock.now()) if nodes is not None else 0
        made = (group, sample, against, most, cells, self._diff, nodes, moment)
        if made != self._made:
            self._made = made
            if nodes is not None:
                self._text = Document.of(self._open(group, sample, cells))
            elif self._diff:
                self._text = Document.of(self._compared(job, group, sample, most, cells))
            else:
                self._text = self._brought(group, sample, cells)
        return self._text

    def _open(self, group: Group, sample: MessageRow | None, cells: int) -> list[Line]:
        lines = [story.heading(group.state, (say(_who(group), Tone.MUTED),), cells)]
        return lines + groups.roll(group, sample, self.desk.board.nodes, self.desk.clock)

    def _brought(self, group: Group, sample: MessageRow | None, cells: int) -> Document:
        lines = [_of(group, "on ")]
        if group.reason:
            lines.append((say(group.reason, Tone.WARN),))
        lines.append(EMPTY)
        if sample is None:
            return Document.of([*lines, (say("Reading its output …", Tone.MUTED),)])
        sheets = self._sheets.sheets(sample, None, None, self.desk.clock, cells)
        return Document([Few(tuple(lines)), *sheets])

    def _compared(
        self, job: Job, group: Group, sample: MessageRow | None, most: Group | None, cells: int
    ) -> list[Line]:
        if most is None or group is most:
            text = "Most answered like this. Choose another group to see how it differs."
            if len(job.groups) == 1:
                text = "All answered like this: nothing differs."
            return [_of(group, "on "), EMPTY, (say(text, Tone.MUTED),)]
        lines = [
            line(say("- ", Tone.BAD), *joined([(say("most", Tone.MUTED),), _of(most, "")])),
            line(say("+ ", Tone.GOOD), *joined([(say("here", Tone.MUTED),), _of(group, "")])),
            EMPTY,
        ]
        against = self.sample(most)
        if sample is None or against is None:
            return [*lines, (say("Reading their output …", Tone.MUTED),)]
        return [*lines, *diff.outputs(against, sample, cells)]

    def on_cards_moved(self) -> None:
        """Another group: its output, from its top."""
        self.query_one("#outcome", Lines).do_move_first()
        self.repaint()

    def on_cards_opened(self) -> None:
        self.do_open_group()

    def do_open_group(self) -> None:
        group, job = self.group, self.job
        if group is None or job is None:
            return
        if len(group.ids) == 1:
            self.post_message(self.MessageChosen(group.ids[0]))
            return
        wanted = f"job={self.about} state={group.state}"
        if sum(other.state == group.state for other in job.groups) > 1:
            if len(group.nodes) <= MOST_NAMED:
                wanted += f" node={','.join(group.nodes)}"
            else:
                self.tell("Too many nodes to name: these are all of the job in this state")
        self.post_message(self.Turned("messages", wanted))

    def do_job_diff(self) -> None:
        self._diff = not self._diff
        self.query_one("#outcome", Lines).do_move_first()
        self.repaint()

    def do_view_switch(self) -> None:
        cards, outcome = self.query_one(Cards), self.query_one("#outcome", Lines)
        (outcome if cards.has_focus else cards).focus()

    def do_compose(self) -> None:
        if self.group is not None:
            self.desk.draft = draft.addressed(self.desk.draft, self.group.nodes)
        self.post_message(self.Turned("compose"))

    def do_message_cancel(self) -> None:
        job_deeds.cancel(self, [self.job] if self.job else [])

    def do_job_retry(self) -> None:
        job_deeds.retry(self, [self.job] if self.job else [])

    def copied(self) -> str:
        """What the right pane shows."""
        return "\n".join(plain(one).rstrip() for one in self.query_one("#outcome", Lines).lines)

    def as_command(self) -> str:
        """What asks the same again of the group's nodes."""
        group, sample = self.group, self.sample(self.group)
        if group is None or sample is None:
            return ""
        names = ",".join(dict.fromkeys(group.nodes))
        return equivalents.send(msgspec.structs.replace(sample, to_node=names), self.desk.where)

    def exported(self) -> tuple[str, bytes]:
        """The job with its groups, and of each in full the message that stands for it, if read."""
        held = self.desk.board.samples
        told = msgspec.to_builtins(self.job) if self.job else {}
        for group in told.get("groups", []):
            if (sample := held.get(group["sample"])) is not None:
                group["message"] = msgspec.to_builtins(sample)
        text = json.dumps(told, indent=2, ensure_ascii=False)
        name = "".join(c for c in self.about if c.isalnum() or c == "-")[:64]
        return f"job-{name}.json", text.encode("utf-8", "replace") + b"\n"


def _key(group: Group) -> Hashable:
    """What makes a group this one, whoever joins or leaves it."""
    return (
        *(group.state, group.confirmed, group.reason, group.exit_code, group.signal),
        *(group.stdout_sha256, group.stderr_sha256, group.stdout_size, group.stderr_size),
    )


def _who(group: Group) -> str:
    return several(list(dict.fromkeys(group.nodes)), 3)


def _of(group: Group, word: str) -> Line:
    return joined([groups.title(group), (say(f"{word}{_who(group)}", Tone.MUTED),)])
