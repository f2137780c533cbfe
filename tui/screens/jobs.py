"""Screen 5, Jobs: messages sent together, how far each job is and how its parts ended."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec
from textual.binding import BindingType

from steward.message import State
from tui import actions, draft, equivalents, results
from tui.filters import Filter
from tui.held import Page
from tui.ink import EMPTY, Line, Tone, line, plain, say
from tui.rows import Job
from tui.screens import job_deeds
from tui.screens.paged import PagedPage
from tui.wants import Query, Wants
from tui.widgets.table import Column, Table

COLUMNS = (
    Column("method", "METHOD", 13, room=124),
    Column("what", "WHAT", 14, share=3),
    Column("nodes", "NODES", 5, right=True),
    Column("progress", "PROGRESS", 16, share=1),
    Column("counts", "HOW IT STANDS", 20, share=5),
    Column("age", "AGE", 4, right=True),
    Column("took", "TOOK", 7, right=True),
    Column("job", "ID", 10, room=150),
)


class JobsPage(PagedPage):
    """The jobs of this station, newest first, page by page."""

    place = "jobs"
    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings("jobs")]

    def make_table(self) -> Table:
        """Newest first."""
        return Table(COLUMNS, lambda job: job.job, self._cells, "rows")

    def _cells(self, job: Job, widths: Mapping[str, int]) -> Mapping[str, Line]:
        return results.cells(job, self.desk.clock, widths)

    def asked(self) -> Query:
        """What the daemon can look up, which isn't states; the rest of the filter is done here."""
        words = [w for w in self.filter.words if not any(w in state for state in State)]
        return Query.of(text=words[0] if words else "")

    def wants(self) -> Wants:
        """The first page, live."""
        return Wants(jobs=self.asked())

    def held(self) -> Page[Job]:
        """The jobs on the board."""
        return self.desk.board.jobs

    def keeps(self, row: Job, wanted: Filter) -> bool:
        """Whether it is meant."""
        if self.problems and not results.is_problem(row):
            return False
        return not wanted or wanted.keeps(results.as_text(row), results.fields(row))

    def left(self) -> Filter:
        """All of the filter: a job holds all that words are looked for in."""
        return self.filter

    def counted(self, rows: Sequence[Job]) -> str:
        """``3 of 200+ jobs``: how many there are in all nobody has counted."""
        page = self.desk.board.jobs
        total = f"{len(page.rows):,}{'+' if page.cursor else ''}"
        head = f"{len(rows):,} of {total}" if self.narrowed else total
        return f"{head} job{'s' if total != '1' else ''}"

    def lesson(self) -> list[Line]:
        """No jobs yet."""
        if self.unread:
            return self.reading("the jobs")
        return [
            (say("  Nothing has been sent to several nodes yet.", Tone.STRONG),),
            EMPTY,
            (say("  What is sent to many at once is a job: here it has one line, with how many"),),
            (say("  have done it; inside, nodes that answered alike stand together, and what"),),
            (say("  differs from most is shown."),),
            EMPTY,
            line(
                say("  Press "),
                say(self.key("compose"), Tone.ACCENT),
                say(" to write to many, or type"),
            ),
            (say("      steward send 'ship*' -- uptime", Tone.ACCENT),),
        ]

    def on_table_moved(self) -> None:
        """The cursor moved: nothing depends on it."""

    def on_table_opened(self) -> None:
        self.do_open_job()

    def do_open_job(self) -> None:
        if (job := self.table.current) is not None:
            self.post_message(self.JobChosen(job.job))

    def do_compose(self) -> None:
        if self.table.chosen:
            self.attempt(self._to_their_nodes)
        else:
            self.post_message(self.Turned("compose"))

    async def _to_their_nodes(self) -> None:
        """To the nodes of the jobs chosen."""
        found = await job_deeds.read(self, [job.job for job in self.table.chosen])
        names = [name for job in found for group in job.groups for name in group.nodes]
        self.desk.draft = draft.addressed(self.desk.draft, dict.fromkeys(names))
        self.post_message(self.Turned("compose"))

    def do_message_cancel(self) -> None:
        job_deeds.cancel(self, self.table.chosen)

    def do_job_retry(self) -> None:
        job_deeds.retry(self, self.table.chosen)

    def copied(self) -> str:
        """The jobs chosen, a line each."""
        return "\n".join(
            f"{job.job}\t{plain(results.what(job))}\t{plain(results.counts(job, 999))}"
            for job in self.table.chosen
        )

    def as_command(self) -> str:
        """The command lines that show them."""
        shown = ("steward", "jobs", "show", *self.desk.where)
        return "\n".join(equivalents.joined([*shown, job.job]) for job in self.table.chosen)

    def exported(self) -> tuple[str, bytes]:
        """Every job that is shown, a JSON object a line, as the daemon tells them."""
        lines = [json.dumps(msgspec.to_builtins(job)) for job in self.table.rows]
        return "jobs.jsonl", "".join(one + "\n" for one in lines).encode()
