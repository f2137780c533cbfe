"""The node daemon: wires the parts together, starts them in order, and stops them in reverse."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from random import Random
from secrets import token_hex

from node.api import DaemonApi, JobApi, MessageApi, NodeApi
from node.claimed_file import Rules
from node.daemon_views import DaemonViews
from node.error_reports import OWN_WINDOW, WINDOW, ErrorReports
from node.executor import Executor
from node.file_intake import FileIntake
from node.followers import Followers
from node.housekeeping import Housekeeping, StoreJournal
from node.intake import Intake
from node.link_turns import Turns
from node.membership import Membership, bus_of
from node.methods import error_log, registry
from node.outcomes import ErrorFacts, tell
from node.permit_book import PermitBook
from node.presence import Greeter, Roster
from node.reception import Reception
from node.runs import RUNNER_RESTS, Runs
from node.schedule import Slots
from node.service_notify import notified
from node.site import NodeSite
from node.tails import PACES, Tails
from node.trusting import open_trust
from node.views import NodeViews
from steward.config import Settings
from steward.control import doors
from steward.control.server import ControlServer, Handler
from steward.errors import ConfigError
from steward.handoff import Handoff
from steward.journal import Journal
from steward.ledger import Touched
from steward.message import Kind, Message, new_id
from steward.metrics import Metrics, MetricsServer
from steward.profiling import ProfileServer
from steward.publisher import Publishers
from steward.settler import Settler
from steward.store import Store, Tables
from steward.subjects import Subject
from steward.subscriber import Household, Subscribers
from steward.supervisor import Process, Supervisor

log = logging.getLogger(__name__)


class Daemon:
    """One node: an object, so that a test or the demo can run many in one process."""

    def __init__(self, settings: Settings, *, runner_rests: float = RUNNER_RESTS) -> None:
        """``runner_rests``: seconds without a command until the runner is let go."""
        self.settings = settings
        self._runner_rests = runner_rests
        self.ready = asyncio.Event()
        """Set once everything has started; the broker may still be away."""
        self._stop = asyncio.Event()
        self._reload = asyncio.Event()

    def stop(self) -> None:
        """Ask it to end: goodbye, then everything in reverse. Commands go on."""
        self._stop.set()

    def reload(self) -> None:
        """Read permits and groups again, see ``PermitBook``; as soon as it has started."""
        self._reload.set()

    async def run(self) -> None:
        """Until ``stop``. Raises StewardError when it cannot start."""
        async with AsyncExitStack() as stack:
            await self._start(stack)
            log.info("node %s is up, state in %s", self.settings.node, self.settings.state_dir)
            self.ready.set()
            async with self._notified():
                await self._stop.wait()
            log.info("node %s stops", self.settings.node)

    async def _start(self, stack: AsyncExitStack) -> None:
        settings = self.settings
        await self._open_store(stack)
        store = self._store
        loop = asyncio.get_running_loop()
        self._metrics = Metrics()
        # Its own store counts repeats itself; a link is spared them.
        window = OWN_WINDOW if settings.central == settings.node else WINDOW
        report = ErrorReports(self._deliver_error, window=window)
        supervisor = Supervisor(report)
        trusting = await open_trust(settings, store)
        bus = bus_of(settings, trusting, store.start)
        runs = Runs(
            settings.state_dir, limit=settings.limits.output_bytes, rests=self._runner_rests
        )
        runs.statements = lambda frm: store.read(
            lambda t: t.trust.statements_about(frm, settings.central)
        )
        self._notified = partial(notified, settings.node, store, bus, supervisor)
        handoff = Handoff(settings.node, store.start, Random(), lambda: token_hex(8))
        handoff.sender.letters.least_wait = bus.settings.least_wait
        self._handoff = handoff
        self._site = site = NodeSite(settings, store, bus, runs, supervisor, report)
        self._publishers = publishers = Publishers(
            store, bus, handoff, supervisor, self._metrics, site
        )
        site.wake = publishers.wake
        site.wake_soon = publishers.wake_soon

        def wake_from_store(lanes: Sequence[Subject]) -> None:
            loop.call_soon_threadsafe(publishers.wake, lanes)

        site.has_queued = lambda lane: wake_from_store([lane])
        site.tails = tails = Tails(settings.node, bus, runs, PACES[settings.link])
        is_central = settings.node == settings.central
        site.roster = Roster(handoff, wake_from_store, is_central=is_central)
        permits = PermitBook(settings, lambda: bus.wire.trust, site.now, report, self._reload)
        permits.on_groups = site.take_groups
        site.permits = permits.status
        reception = Reception(site, permits.admit, report)
        limits = settings.limits
        executor = Executor(
            settings.node, site, store, handoff.receiver, runs, site, self._metrics,
            Slots(limits.parallel_per_stream, limits.parallel_per_node), permits.grant,
        )  # fmt: skip
        greeter = Greeter(settings.hello_interval, site.say_hello)
        household = Household(
            reception.admit, reception.handle, site.now, publishers.wake, executor.arrived,
            site.not_taken, site.store_full, greeter.met,
        )  # fmt: skip
        settler = Settler(
            store, bus, handoff, site.now, publishers, site.not_taken, site.store_full,
            tails.nobody,
        )  # fmt: skip
        subscribers = Subscribers(
            store, bus, handoff, supervisor, self._metrics, household, registry()
        )
        site.dropped = lambda: subscribers.dropped
        nodes = NodeViews(site)
        views = DaemonViews(site, store, bus, self._metrics.throughput, nodes)
        journal = Journal(
            settings.state_dir,
            StoreJournal(store, report),
            site.not_accepted,
            max_bytes=settings.retention.journal_bytes,
            keep=settings.retention.journal_files,
        )
        intake_store = FileIntake(settings, store, site.now, publishers.wake)
        group = doors.group_of(settings.socket_group) if settings.socket_group else None
        owners = frozenset(map(doors.user_of, settings.intake_owners))
        rules = Rules(owners, settings.limits.intake_bytes, group)
        intake = Intake(
            settings.state_dir, intake_store, intake_store.check, site.not_accepted, rules
        )
        site.intake = lambda: (
            (False, store.room.reason)
            if store.room.reason
            else (intake.status.open, intake.status.reason)
        )
        handlers: dict[str, Handler] = {}
        followers = Followers(site, store, bus)
        server = ControlServer(settings.state_dir / "steward.sock", handlers, followers, group)
        messages = MessageApi(site, store, handoff, publishers, server.touching)
        for api in (
            messages,
            JobApi(store),
            NodeApi(site, store, publishers, nodes, messages),
            DaemonApi(site, store, permits, views),
        ):
            handlers |= api.handlers()
        member = Membership(
            site, store, bus, trusting, publishers.wake, server.status_changed, report
        )
        handlers |= member.handlers()
        views.on_turned = server.nodes_changed
        permits.on_read = server.status_changed
        link = Turns(store, handoff, publishers, greeter, nodes, server)
        bus.listen(link.changed)
        bus.listen(followers.link_changed)

        housekeeping = Housekeeping(store, runs, settings.retention, site.now)

        def changed(touched: Touched) -> None:
            server.changed(touched)
            followers.touched(touched.messages)
            if touched.messages:
                journal.wake()
            for alarm in touched.alarms:
                report(*alarm)
                server.status_changed()
            if touched.wiped:
                housekeeping.wiped()
            self._metrics.committed(touched)

        store.on_commit(changed)
        if settings.restored:
            await store.write(self._renew)
        await self._serve_metrics(stack, views, report)
        await stack.enter_async_context(server)
        stack.push_async_callback(report.close)
        stack.push_async_callback(supervisor.close)
        stack.push_async_callback(greeter.close)
        for name, run in {
            "bus": lambda _: bus.run(),
            "runs": lambda _: runs.run(),
            "errors": report.run,
            "settler": settler.run,
            "executor": executor.run,
            "greeter": greeter.run,
            "tails": tails.run,
            "followers": followers.run,
            "link": link.run,
            "journal": lambda _: journal.run(),
            "intake": lambda _: intake.run(),
            "permits": permits.run,
            **member.processes(),
            "housekeeping": housekeeping.run,
        }.items():
            supervisor.add(Process(name, name, "", run))
        subscribers.start()
        publishers.wake(await store.read(lambda t: t.outbox.open_lanes()))
        if store.damaged is not None:
            report(
                "store_damaged", f"the database was damaged and is kept as {store.damaged}",
                "what it held may be 'unknown' elsewhere; look at this machine's disk",
            )  # fmt: skip

    def _renew(self, tables: Tables) -> None:
        """``--restored``: the state folder is an older copy, and takes a new life."""
        self._handoff.renewal.renew(tables.outbox, tables.inbox, self._site.now())
        tables.records.begin_files_anew()

    async def _open_store(self, stack: AsyncExitStack) -> None:
        settings, limits = self.settings, self.settings.limits
        doors.refuse_unsafe(settings.state_dir)
        pages = limits.store_bytes // 4096
        self._store = await Store.open(
            settings.state_dir, settings.node,
            min_free=limits.free_bytes, ballast=limits.ballast_bytes, max_page_count=pages,
        )  # fmt: skip
        stack.push_async_callback(self._store.close)

    async def _serve_metrics(
        self, stack: AsyncExitStack, views: DaemonViews, report: ErrorReports
    ) -> None:
        """A port that was asked for has to be had; the default one is worth a warning."""
        address = self.settings.prom_host_and_port
        if address is not None:
            served = MetricsServer(self._metrics, views.snapshot, *address)
            try:
                served.start()
                stack.push_async_callback(served.stop)
            except ConfigError as error:
                if "prom_host_and_port" in self.settings.given:
                    raise
                report(error.code, error.text, error.hint, level="warning")
        if self.settings.profiling_port:
            profile = ProfileServer(self.settings.profiling_port)
            profile.start()
            stack.callback(profile.stop)

    async def _deliver_error(self, facts: ErrorFacts) -> None:
        """Into this node's own log if it keeps one, else to central, through the outbox."""
        now = self._site.now()
        if self.settings.central == self.settings.node:
            await self._store.write(lambda t: error_log.keep(t, self.settings.node, facts, now))
            return
        message = Message(
            id=new_id(),
            to=self.settings.central,
            kind=Kind.EVENT_ACK,
            method="ErrorLog",
            data=tell(facts),
            timeout=self.settings.default_message_timeout,
            retries=0,
        )

        def queue(tables: Tables) -> None:
            tables.outbox.submit([message], None, now)

        await self._store.write(queue)
        self._publishers.wake([message.subject])
