"""What a node with keys has beside others: its ways in, its enrolment, and central's office."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping

from node.api import TrustApi
from node.authority import Authority
from node.enrolment import Enrolment
from node.own_keys import OwnKeys
from node.registrar import Registrar
from node.site import NodeSite
from node.trusting import Trusting
from steward.access import access
from steward.bus import Bus
from steward.config import Settings
from steward.control.server import Handler
from steward.link import LINKS
from steward.store import Store
from steward.subjects import Subject
from steward.supervisor import Process

Report = Callable[[str, str, str], object]


def bus_of(settings: Settings, trusting: Trusting | None, start: str) -> Bus:
    """To the brokers that the settings name, else to those that the join token did. Raises
    ConfigError."""
    addresses = settings.broker_address.split(",")
    if trusting and trusting.file.brokers and "broker_address" not in settings.given:
        addresses = list(trusting.file.brokers)
    bus = Bus(
        settings.node,
        addresses,
        link=LINKS[settings.link],
        start=start,
        access=access(ca_file=settings.broker_ca, credentials=settings.broker_credentials),
    )
    bus.wire.trust = trusting.trust if trusting else None
    return bus


class Membership:
    """Of a node without keys it answers that there are none. ``wake``: publishers of lanes;
    ``changed``: this node's standing is another one."""

    def __init__(
        self,
        site: NodeSite,
        store: Store,
        bus: Bus,
        trusting: Trusting | None,
        wake: Callable[[Iterable[Subject]], object],
        changed: Callable[[], object],
        report: Report,
    ) -> None:
        settings = site.settings
        keys: OwnKeys | None = None
        if trusting is not None:
            keys = OwnKeys(
                trusting,
                settings.state_dir,
                bus,
                lambda seed: access(
                    seed,
                    trusting.file.ca,
                    ca_file=settings.broker_ca,
                    credentials=settings.broker_credentials,
                ),
            )
            site.enrolment = Enrolment(settings, keys, store, bus, site.say, wake, changed)
            if settings.node == trusting.file.central:
                authority = Authority(trusting.trust, settings.default_message_timeout, site.now)
                site.registrar = Registrar(keys, authority, store, site.say, wake, report)
                site.roster.knows = site.registrar.heard
        self._site = site
        self._api = TrustApi(store, keys, site.enrolment, site.registrar)

    def handlers(self) -> Mapping[str, Handler]:
        return self._api.handlers()

    def processes(self) -> Mapping[str, Callable[[Process], Awaitable[None]]]:
        """By name, to be supervised."""
        parts = {"enrolment": self._site.enrolment, "registrar": self._site.registrar}
        return {name: part.run for name, part in parts.items() if part is not None}
