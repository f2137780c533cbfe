-- All that a node keeps on disk. Times ending in _at and `expires` are wall seconds, `clock` and
-- `first_try` steady seconds (see Now in handoff/state.py). Written by steward/store.py alone.

CREATE TABLE meta (
    one       INTEGER PRIMARY KEY CHECK (one = 1),
    store_id  TEXT NOT NULL,
    node      TEXT NOT NULL,
    steady    REAL NOT NULL,             -- the highest that was ever committed: goes on from there
    wall      REAL NOT NULL,             -- likewise: what tells a clock that has stepped back
    journaled INTEGER NOT NULL DEFAULT 0, -- messages.jsonl has the acceptance of messages up to here
    trusting  INTEGER NOT NULL DEFAULT 0, -- wall time since when it has keys, or was renewed; 0: never had any
    open_until REAL NOT NULL DEFAULT 0   -- at central: so long unknown nodes may introduce themselves
);

-- ------------------------------------------------------------------------------- what is sent

CREATE TABLE peer (
    name     TEXT PRIMARY KEY,
    instance TEXT NOT NULL,
    retired  TEXT NOT NULL,              -- JSON: store ids that are never adopted again
    held     INTEGER NOT NULL,
    alarm    TEXT NOT NULL
) WITHOUT ROWID;

-- The queue of one subject.
CREATE TABLE lane (
    key       INTEGER PRIMARY KEY,
    subject   TEXT NOT NULL UNIQUE,
    node      TEXT NOT NULL,
    kind      TEXT NOT NULL,
    method    TEXT NOT NULL,
    hidden    INTEGER NOT NULL,          -- machinery, not shown and not journaled unless asked for
    first_try REAL
);
CREATE INDEX lane_node ON lane (node);

-- AUTOINCREMENT: a forgotten stream's key must never mean another one.
CREATE TABLE out_stream (
    key      INTEGER PRIMARY KEY AUTOINCREMENT,
    lane     INTEGER NOT NULL,
    instance TEXT NOT NULL,
    next     INTEGER NOT NULL,
    base     INTEGER NOT NULL,
    UNIQUE (lane, instance)
);

CREATE TABLE message (
    n            INTEGER PRIMARY KEY,    -- the order of acceptance
    id           TEXT NOT NULL UNIQUE,
    lane         INTEGER NOT NULL,
    state        TEXT NOT NULL,
    confirmed    INTEGER NOT NULL DEFAULT 0,
    tombstone    TEXT NOT NULL DEFAULT '',
    reason       TEXT NOT NULL DEFAULT '',
    ill          INTEGER NOT NULL DEFAULT 0, -- its state is an end other than succeeded or published
    maybe        INTEGER NOT NULL DEFAULT 0, -- a store that is lost may have handled it
    attempts     INTEGER NOT NULL DEFAULT 0,
    stream       INTEGER,                -- NULL: unbound
    seq          INTEGER,
    parallel     INTEGER NOT NULL,
    timeout      REAL NOT NULL,
    retries      INTEGER NOT NULL,
    patience     REAL,                   -- retries * timeout; NULL without retries
    ttl          REAL NOT NULL,
    expires      REAL,
    due          REAL,                   -- `expires`, as long as it can still be given up here
    clock        REAL NOT NULL,          -- steady time of acceptance
    accepted_at  REAL NOT NULL,
    sent_at      REAL,
    delivered_at REAL,
    running_at   REAL,
    ended_at     REAL,
    digest       BLOB NOT NULL,
    uid          INTEGER,
    job          TEXT,
    retry_of     TEXT,
    about        TEXT                    -- of a Cancel: its target
);

-- Partial, so that a million ended messages weigh nothing in the daily work. Their conditions are
-- plain comparisons: an IN costs as much as the rest of the row, in every statement.
CREATE INDEX message_queued   ON message (lane, n) WHERE stream IS NULL AND confirmed = 0;
CREATE INDEX message_patience ON message (lane, patience, clock)
    WHERE patience IS NOT NULL AND stream IS NULL AND confirmed = 0;
CREATE INDEX message_due      ON message (lane, due) WHERE due IS NOT NULL;
CREATE INDEX message_bound    ON message (stream, seq) WHERE stream IS NOT NULL;
CREATE INDEX message_awaiting ON message (stream, seq)
    WHERE delivered_at IS NOT NULL AND confirmed = 0;
CREATE INDEX message_cancel   ON message (about) WHERE about IS NOT NULL AND confirmed = 0;
-- For the lists that people look at.
CREATE INDEX message_lane     ON message (lane, n);
CREATE INDEX message_open     ON message (n) WHERE confirmed = 0;
CREATE INDEX message_ill      ON message (state, n) WHERE ill = 1;
CREATE INDEX message_job      ON message (job, n) WHERE job IS NOT NULL;

-- Apart from its message: a state that changes must not rewrite half a megabyte.
CREATE TABLE body (n INTEGER PRIMARY KEY, body BLOB NOT NULL);
-- Whose body has to be wiped once they have ended.
CREATE TABLE secret (n INTEGER PRIMARY KEY);
CREATE TABLE outcome (n INTEGER PRIMARY KEY, outcome BLOB NOT NULL);

-- Messages that were submitted together, in the order in which the first was accepted. Those of the
-- machinery alone have no row.
CREATE TABLE job (n INTEGER PRIMARY KEY, job TEXT NOT NULL UNIQUE);

-- How many messages of a lane are in a state: totals without counting.
CREATE TABLE tally (
    lane  INTEGER NOT NULL,
    state TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (lane, state)
) WITHOUT ROWID;
-- Of those that the daily work and every console ask for, there are few.
CREATE INDEX tally_open ON tally (state, lane, count)
    WHERE count > 0 AND state IN ('queued', 'sent', 'delivered', 'running');

-- Results for ids that this store doesn't know: filed, not lost.
CREATE TABLE orphan (
    about       TEXT NOT NULL,
    frm         TEXT NOT NULL,
    received_at REAL NOT NULL,
    outcome     BLOB NOT NULL,
    PRIMARY KEY (about, frm)
) WITHOUT ROWID;

-- What messages.jsonl still has to say: JSON arrays of message.n whose end was proved together.
CREATE TABLE final (k INTEGER PRIMARY KEY AUTOINCREMENT, messages TEXT NOT NULL);

-- --------------------------------------------------------------------------- what is received

CREATE TABLE in_stream (
    frm      TEXT NOT NULL,
    store    TEXT NOT NULL,
    subject  TEXT NOT NULL,
    last     INTEGER NOT NULL,
    last_id  TEXT NOT NULL,
    base     INTEGER NOT NULL,
    ids      BLOB NOT NULL,              -- msgpack: seq → id, above base
    verdicts BLOB NOT NULL,              -- msgpack: seq → verdict, above base
    PRIMARY KEY (frm, store, subject)
);

-- Ids that an earlier life of this database accepted.
CREATE TABLE known (id TEXT PRIMARY KEY) WITHOUT ROWID;

-- Whose commands wait for each other.
CREATE TABLE queue (
    key      INTEGER PRIMARY KEY,
    frm      TEXT NOT NULL,
    store    TEXT NOT NULL,
    instance TEXT NOT NULL,              -- this store's id when they were accepted
    subject  TEXT NOT NULL,
    UNIQUE (frm, store, instance, subject)
);

CREATE TABLE command (
    n           INTEGER PRIMARY KEY AUTOINCREMENT,
    queue       INTEGER NOT NULL,
    seq         INTEGER NOT NULL,        -- 0: of a NACK kind
    id          TEXT NOT NULL,
    expires     REAL,
    deadline    REAL,                    -- the expiry on the sender's clock
    ahead       REAL,                    -- how far that clock is ahead, as far as `expires` knows
    parallel    INTEGER NOT NULL,
    free        INTEGER NOT NULL,        -- neither waits nor is waited for
    stage       TEXT NOT NULL,
    cancelled   INTEGER NOT NULL DEFAULT 0,
    accepted_at REAL NOT NULL,
    started_at  REAL,
    boot_id     TEXT NOT NULL DEFAULT '',
    ends_by     REAL,
    body        BLOB NOT NULL,
    signed      BLOB NOT NULL DEFAULT x'' -- its sender's signature, for the runner; empty in a lab
);
CREATE UNIQUE INDEX command_seq ON command (queue, seq) WHERE seq > 0;
CREATE INDEX command_id      ON command (id);
CREATE INDEX command_waiting ON command (queue, free, n) WHERE stage = 'received';
CREATE INDEX command_started ON command (n) WHERE stage = 'started';
CREATE INDEX command_expires ON command (expires) WHERE stage = 'received' AND expires IS NOT NULL;
CREATE INDEX command_ahead   ON command (queue, ahead)
    WHERE stage = 'received' AND deadline IS NOT NULL;

-- Commands that ran here and whose output is still in its folder.
CREATE TABLE run (
    key      TEXT PRIMARY KEY,
    id       TEXT NOT NULL,
    frm      TEXT NOT NULL,
    ended_at REAL NOT NULL,
    size     INTEGER NOT NULL            -- bytes of output kept
) WITHOUT ROWID;
CREATE INDEX run_id    ON run (id);
CREATE INDEX run_ended ON run (ended_at, size);

-- ------------------------------------------------------------------------------------- records

CREATE TABLE roster (
    name       TEXT PRIMARY KEY,
    first_seen REAL NOT NULL,            -- wall
    last_seen  REAL NOT NULL,            -- wall
    heard      REAL NOT NULL,            -- steady
    store      TEXT NOT NULL,
    start      TEXT NOT NULL,
    identities TEXT NOT NULL,            -- JSON: (store id, machine id) that had the name, the latest last
    hello      BLOB NOT NULL,            -- JSON: what it last said of itself
    interval   REAL NOT NULL DEFAULT 15, -- of that, what tells silence from absence: its seconds
    goodbye    INTEGER NOT NULL DEFAULT 0 --          between two hellos, and whether it has left
) WITHOUT ROWID;

CREATE TABLE error (
    n          INTEGER PRIMARY KEY AUTOINCREMENT,
    node       TEXT NOT NULL,
    level      TEXT NOT NULL,
    code       TEXT NOT NULL,
    text       TEXT NOT NULL,
    hint       TEXT NOT NULL,
    messages   TEXT NOT NULL,            -- JSON: ids of the messages that it befell
    count      INTEGER NOT NULL,
    first_at   REAL NOT NULL,
    last_at    REAL NOT NULL
);
CREATE INDEX error_repeat ON error (node, code, last_at);
CREATE INDEX error_last   ON error (last_at);
CREATE INDEX error_recent ON error (node, last_at);
CREATE INDEX error_node   ON error (node);  -- and n, as in every index: the order of lists
CREATE INDEX error_level  ON error (level);

-- Files that events append to: what lies beyond the offset was never committed.
CREATE TABLE append_file (path TEXT PRIMARY KEY, offset INTEGER NOT NULL) WITHOUT ROWID;

-- Files with messages that are being taken in: how far each was committed, as its reader puts it.
CREATE TABLE claim (name TEXT PRIMARY KEY, progress TEXT NOT NULL) WITHOUT ROWID;

-- --------------------------------------------------------------------------------------- trust

-- What central has said of keys, signed (steward/statements.py). Of a certificate, `serial` is its
-- own, of a revocation the highest that it ends.
CREATE TABLE statement (
    name       TEXT NOT NULL,
    kind       TEXT NOT NULL,
    serial     INTEGER NOT NULL,
    signed     BLOB NOT NULL,
    learned_at REAL NOT NULL,
    PRIMARY KEY (name, kind, serial)
) WITHOUT ROWID;

-- At central: nodes that have introduced themselves and have not been accepted.
CREATE TABLE introduction (
    name     TEXT NOT NULL,
    key      BLOB NOT NULL,              -- the public signing key
    broker   TEXT NOT NULL,              -- the public nkey
    state    TEXT NOT NULL,              -- pending, refused
    facts    TEXT NOT NULL,              -- JSON: what it said of itself
    first_at REAL NOT NULL,
    last_at  REAL NOT NULL,
    PRIMARY KEY (name, key)
) WITHOUT ROWID;

-- At central: which node may send to which other one.
CREATE TABLE route (
    name    TEXT NOT NULL,
    towards TEXT NOT NULL,
    PRIMARY KEY (name, towards)
) WITHOUT ROWID;

-- At central: keys that were replaced, and when they end.
CREATE TABLE retirement (
    name   TEXT NOT NULL,
    serial INTEGER NOT NULL,
    broker TEXT NOT NULL,                -- the public nkey that went with it
    due    REAL NOT NULL,                -- wall time
    PRIMARY KEY (name, serial)
) WITHOUT ROWID;

-- How far each sender's store had come when it last said something outside every stream: what is
-- older is a repetition.
CREATE TABLE spoken (
    frm    TEXT NOT NULL,
    store  TEXT NOT NULL,
    said   TEXT NOT NULL,
    steady REAL NOT NULL,                -- on its own clock that never goes back
    starts TEXT NOT NULL,                -- JSON: its last starts, the newest last
    PRIMARY KEY (frm, store, said)
) WITHOUT ROWID;
