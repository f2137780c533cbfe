"""The secure demo's attacks: with no key, a stolen one, another's name, and as the broker."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from node.broker import CONFIGURATION, Broker, new_name
from node.broker_config import Tls, configuration
from node.broker_setup import folder_of, local
from node.forgery import Forger, Stolen, unsigned
from node.intruder import Intruder, in_the_clear
from node.secure_world import HOST, within
from node.voyage import FORGED, Voyage
from steward import statements
from steward.errors import BusError
from steward.key_files import load_or_make, new_nkey
from steward.statements import Certificate
from steward.subjects import NodeName

_TRUE_WORD = "true-1"
"""As long as ``FORGED``, which takes its place in a letter."""
_RESULT = "central.EventACK.Result"


async def without_a_key(tale: Voyage) -> None:
    tale.chapter("An intruder on the network, without a key")
    here = tale.here
    heard = await in_the_clear(HOST, here.port)
    words = heard.decode(errors="replace") or "none, it hangs up"
    tale.say(f"  a client without TLS says hello; the broker's answer: {words}")
    tale.promise(b"INFO" not in heard, "a client without TLS is not answered")
    for what, seed in (("no key", b""), ("a key of his own making", new_nkey())):
        answer = await _let_in(tale, seed)
        tale.say(f"  with TLS and {what}: {answer or 'he is in'}")
        tale.promise(bool(answer), f"with {what} the broker does not let him in")
    joiner = tale.trust.joiner.encode()
    tale.say("  with a join token that leaked he gets in, as one who asks to be accepted")
    async with Intruder(here.address, tale.trust.ca, joiner) as intruder:
        tries = ["central.>", ">", "ship1.>", "_INBOX.>"]
        says = ["ship1.CommandACK.ShellCommand", "central.EventACK.Result"]
        refused = await _all_refused(tale, intruder, tries, says)
        tale.promise(refused, "all that a leaked token is good for is to ask to be accepted")


async def _let_in(tale: Voyage, seed: bytes) -> str:
    """The broker's words against it; empty: it did."""
    try:
        async with Intruder(tale.here.address, tale.trust.ca, seed):
            return ""
    except BusError as error:
        return error.text


async def _all_refused(
    tale: Voyage, intruder: Intruder, listening: list[str], saying: list[str]
) -> bool:
    refused = True
    for subject in listening:
        answer = await intruder.listen(subject)
        tale.say(f"    listen to {subject:<34} {answer or 'ALLOWED'}")
        refused = refused and bool(answer)
    for subject in saying:
        answer = await intruder.say(subject, b"{}")
        tale.tried += 1
        tale.say(f"    say on    {subject:<34} {answer or 'ALLOWED'}")
        refused = refused and bool(answer)
    return refused


async def thief(tale: Voyage) -> None:
    """A ship's broker key is stolen, noticed, and its keys are revoked; ship3 is away then."""
    tale.chapter("A thief has ship2's keys: what its broker key opens")
    here = tale.here
    async with Intruder(here.address, tale.trust.ca, _broker_seed(tale)) as intruder:
        listening = [">", "*.>", "central.>", "ship1.>", "_INBOX.central.>", "_INBOX.ship1.>"]
        saying = ["ship1.CommandACK.ShellCommand", "ship3.EventACK.Trust"]
        saying += ["central.CommandACK.ShellCommand", "_INBOX.ship1.aaaa"]
        refused = await _all_refused(tale, intruder, listening, saying)
        tale.promise(refused, "the broker refuses him every other node's subjects")
        allowed = await intruder.listen("ship2.>") + await intruder.say(_RESULT, unsigned(_RESULT))
        tale.tried += 1
        errors = await tale.errors("bad_signature", "central")
        tale.say(f"    say on    {_RESULT:<34} {allowed or 'it passes: ship2 may'}")
        tale.say(f"  central's error log: {errors.get('central', 'nothing')}")
        tale.promise(
            not allowed and "central" in errors,
            "what ship2 itself may say passes, and central does not believe it unsigned",
        )
        await impostor(tale)
        await _revoke(tale, intruder)


async def impostor(tale: Voyage) -> None:
    tale.chapter("Somebody sets up a machine of his own under ship3's name, with a leaked token")
    here, true = tale.here, tale.fingerprints["ship3"]
    token = await here.token()
    shown = await here.introduce("ship3", token, folder="impostor")
    asked = await here.waiting("ship3")
    tale.say(f"  he shows {shown}; ship3 has {true}")
    errors = await tale.errors("trust_conflict", "central")
    tale.say(f"  central's error log: {errors.get('central', 'nothing')}")
    tale.promise(
        bool(asked["conflict"]) and asked["known"] == true and "central" in errors,
        "a name that comes back with another key is an alarm, and no update",
    )
    done = await here.type(
        "central", "nodes", "accept", "ship3", "--fingerprint", shown, fails=True
    )
    tale.say(f"    {done.said.splitlines()[0] if done.said else 'no word'}")
    await here.type("central", "nodes", "refuse", "ship3")
    held = await tale.holding("central", "ship3")
    works = await tale.obeyed(await tale.order("ship3", "still-me"))
    tale.promise(
        done.status == 7 and held == [true] and works,
        "it is not accepted by a slip; the true ship3 goes on working",
    )
    await here.nodes.pop("impostor").stop()


async def _revoke(tale: Voyage, intruder: Intruder) -> None:
    tale.chapter("The theft is noticed: ship2's keys are revoked, while ship3 is away")
    here = tale.here
    await here.nodes["ship3"].stop()
    tale.say("ship3 is without power")
    await here.type("central", "keys", "revoke", "ship2", "--reason", "stolen", "-y")

    async def is_out() -> bool:
        return intruder.ended.is_set()

    began = time.monotonic()
    tale.promise(
        await within(is_out, 5.0),
        f"the broker turns the thief out ({time.monotonic() - began:.1f} s)",
    )
    answer = await _let_in(tale, _broker_seed(tale))
    tale.say(f"  he comes back: {answer or 'he is in'}")

    async def ship2_is_out() -> bool:
        broker = (await here.ask("status", where="ship2"))["broker"]
        return broker["connected"] is False

    tale.promise(
        bool(answer) and await within(ship2_is_out, 5.0), "nor does it let in him, or ship2, again"
    )
    lost = await tale.send(
        "ship2", tale.note, "lost", name="ship2: note lost", timeout=1, retries=1
    )

    async def is_undelivered() -> bool:
        [message] = await tale.look([lost])
        return bool(message["state"] == "undelivered")

    tale.promise(await within(is_undelivered, 5.0), "what is sent to ship2 is not delivered")
    await here.start("ship3")
    for ship in ("ship1", "ship3"):

        async def knows(ship: str = ship) -> bool:
            keys = (await here.ask("keys", where=ship, names=["ship2"]))["keys"]
            return [key["state"] for key in keys] == ["revoked"]

        away = ", which was away," if ship == "ship3" else ""
        tale.promise(await within(knows, 15.0), f"{ship}{away} knows that they hold no more")


def _broker_seed(tale: Voyage) -> bytes:
    return load_or_make(tale.folder / "ship2").broker_seed


# -------------------------------------------------------------------- the broker itself


async def broker_replaced(tale: Voyage) -> None:
    tale.chapter("Another server stands in the broker's place, without its certificate")
    here, names = tale.here, ("central", "ship1", "ship3")
    await here.stop_broker()
    async with Broker(tale.folder / "stripped", host=HOST, port=here.port) as server:
        tale.say(f"a server without TLS answers at {server.address}")
        async with Intruder(server.address, "") as intruder:
            await intruder.listen(">")
            for name in names:

                async def has_tried(name: str = name) -> bool:
                    return "TLS" in (await here.ask("status", where=name))["broker"]["error"]

                tried = await within(has_tried, 10.0)
                broker = (await here.ask("status", where=name))["broker"]
                tale.say(f"  {name}: {broker['error'] or 'connected'}")
                tale.promise(
                    tried and not broker["connected"], f"{name} does not take it for the broker"
                )
            tale.promise(not intruder.heard, f"it hears {len(intruder.heard)} letters")
    await here.start_broker()


async def broker_taken(tale: Voyage) -> None:
    tale.chapter("The broker itself is taken over: it has the same certificate, hears everything,")
    tale.say("lets everybody say anything, and the thief has ship2's signing key, too")
    here, ships = tale.here, ("ship1", "ship3")
    await here.stop_broker()
    async with _lawless(tale) as server:
        tale.say(f"somebody else's broker answers at {server.address}")
        await here.connected("central", *ships)
        async with Intruder(here.address, tale.trust.ca) as intruder:
            await intruder.listen(">")
            ids = [await tale.order(ship, _TRUE_WORD) for ship in ships]
            tale.promise(
                await tale.obeyed(*ids), "true orders still arrive, and their results come back"
            )
            forger = Forger(
                intruder.heard[:], _stolen(tale), (tale.note, FORGED), _TRUE_WORD, FORGED
            )
            tale.say(f"  {len(intruder.heard)} letters went by; he has them all")
            known = ships == tuple(s for s in ships if s in forger.stores)
            for attack in forger.attacks(ships):
                for letter in attack.letters:
                    await intruder.say(letter.subject, letter.payload, letter.reply)
                tale.tried += len(attack.letters)
                tale.say(f"  {len(attack.letters):3} letters: {attack.title}")
                known = known and bool(attack.letters)
            after = [await tale.order(ship, "afterwards") for ship in ships]
            well = await tale.obeyed(*after)
            tale.promise(known and well, "the ships have looked at all of it, and work on")
            tale.nothing_else_ran("nothing of it has started anything")
            await _told(tale, await tale.errors("bad_signature", *ships))
    await here.start_broker()
    await here.connected("central", *ships)
    back = [await tale.order(ship, "back") for ship in ships]
    tale.promise(await tale.obeyed(*back), "the true broker is back, and so is everybody")


async def _told(tale: Voyage, errors: Mapping[str, Any]) -> None:
    for ship, text in sorted(errors.items()):
        tale.say(f"  central's error log, {ship}: {text}")
    tale.promise({"ship1", "ship3"} <= errors.keys(), "and central's error log says so")


def _lawless(tale: Voyage) -> Broker:
    """A server of one's own in the broker's place: its certificate, no list of who may do what."""
    folder = tale.folder / "taken"
    folder.mkdir()
    certificate = local(folder_of(tale.folder / "central").absolute())
    text = configuration(name=new_name(), host=HOST, port=tale.here.port, tls=Tls(*certificate))
    (folder / CONFIGURATION).write_text(text)
    return Broker(folder, host=HOST, port=tale.here.port, written=True, tls=True)


def _stolen(tale: Voyage) -> Stolen:
    """All of ship2, with central's word for its key, as ship2's disk has it."""
    keys = load_or_make(tale.folder / "ship2")
    name = NodeName("ship2")
    said = Certificate(name, keys.signing.public, keys.broker, 1, time.time())
    by = load_or_make(tale.folder / "central").signing
    return Stolen(name, keys.signing, (statements.issue(said, by),))
