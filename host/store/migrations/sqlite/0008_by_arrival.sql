-- Sources hand people over in any order: the overlay keeps them in that of their arrival, and their ids in an index of its own, which stays small.
CREATE TABLE staged_users_by_arrival (
    tenant      BIGINT NOT NULL,
    read        BIGINT NOT NULL,
    source_id   TEXT   NOT NULL,
    op          BIGINT NOT NULL,
    hash        TEXT,
    raw         TEXT,
    user_name_key TEXT,                     -- after policies
    manager     TEXT,                       -- after policies
    digest      TEXT,
    outcome     TEXT,
    problem     TEXT,
    place       TEXT,
    record      TEXT,                       -- the record to be linked, where one was found
    PRIMARY KEY (tenant, read, source_id)
);
INSERT INTO staged_users_by_arrival (tenant, read, source_id, op, hash, raw, user_name_key, manager, digest, outcome, problem, place, record)
SELECT tenant, read, source_id, op, hash, raw, user_name_key, manager, digest, outcome, problem, place, record FROM staged_users;
DROP TABLE staged_users;
ALTER TABLE staged_users_by_arrival RENAME TO staged_users;
CREATE INDEX staged_users_by_name ON staged_users (tenant, read, user_name_key) WHERE user_name_key IS NOT NULL;

-- What a plan makes of the two ends of a membership, without the whole lines of people between.
CREATE INDEX lines_ends ON lines (tenant, run, kind, source_id, action, record, name) WHERE member_id = '';
