-- From format 1 to 2: jobs in the order of acceptance, lists of errors and of what ended ill by
-- index, and who is there without a look at every hello. Run by steward/store_file.py, in one
-- transaction with the new version number.

CREATE TABLE job (n INTEGER PRIMARY KEY, job TEXT NOT NULL UNIQUE);
INSERT INTO job SELECT min(n), job FROM message WHERE job IS NOT NULL
    AND lane IN (SELECT key FROM lane WHERE hidden = 0) GROUP BY job;

DROP INDEX message_ill;
CREATE INDEX message_ill ON message (state, n) WHERE ill = 1;

CREATE INDEX tally_open ON tally (state, lane, count)
    WHERE count > 0 AND state IN ('queued', 'sent', 'delivered', 'running');

CREATE INDEX error_recent ON error (node, last_at);
CREATE INDEX error_node   ON error (node);
CREATE INDEX error_level  ON error (level);

ALTER TABLE roster ADD COLUMN interval REAL NOT NULL DEFAULT 15;
ALTER TABLE roster ADD COLUMN goodbye INTEGER NOT NULL DEFAULT 0;
UPDATE roster SET
    interval = coalesce(json_extract(CAST(hello AS TEXT), '$.interval'), 15),
    goodbye = coalesce(json_extract(CAST(hello AS TEXT), '$.goodbye'), 0);
