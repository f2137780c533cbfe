-- From format 2 to 3: trust. Run by steward/store_file.py, in one transaction with the new version
-- number.

ALTER TABLE meta ADD COLUMN trusting INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meta ADD COLUMN open_until REAL NOT NULL DEFAULT 0;
ALTER TABLE command ADD COLUMN signed BLOB NOT NULL DEFAULT x'';

CREATE TABLE statement (
    name       TEXT NOT NULL,
    kind       TEXT NOT NULL,
    serial     INTEGER NOT NULL,
    signed     BLOB NOT NULL,
    learned_at REAL NOT NULL,
    PRIMARY KEY (name, kind, serial)
) WITHOUT ROWID;

CREATE TABLE introduction (
    name     TEXT NOT NULL,
    key      BLOB NOT NULL,
    broker   TEXT NOT NULL,
    state    TEXT NOT NULL,
    facts    TEXT NOT NULL,
    first_at REAL NOT NULL,
    last_at  REAL NOT NULL,
    PRIMARY KEY (name, key)
) WITHOUT ROWID;

CREATE TABLE route (
    name    TEXT NOT NULL,
    towards TEXT NOT NULL,
    PRIMARY KEY (name, towards)
) WITHOUT ROWID;

CREATE TABLE retirement (
    name   TEXT NOT NULL,
    serial INTEGER NOT NULL,
    broker TEXT NOT NULL,
    due    REAL NOT NULL,
    PRIMARY KEY (name, serial)
) WITHOUT ROWID;

CREATE TABLE spoken (
    frm    TEXT NOT NULL,
    store  TEXT NOT NULL,
    said   TEXT NOT NULL,
    steady REAL NOT NULL,
    starts TEXT NOT NULL,
    PRIMARY KEY (frm, store, said)
) WITHOUT ROWID;

CREATE TABLE secret (n INTEGER PRIMARY KEY);
