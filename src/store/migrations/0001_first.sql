-- Everything is in milliseconds since 1970 (UTC) and in the codes of the domain.

-- A known endpoint keeps its row for ever: history outlives the configuration.
CREATE TABLE endpoint (
    id         INTEGER PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    -- When it was found missing in the configuration.
    removed_ms INTEGER
) STRICT;

-- The log of results, appended to and pruned from its old end. No index beside
-- the key: a row takes about 25 bytes and costs one page write.
CREATE TABLE result (
    id          INTEGER PRIMARY KEY,
    endpoint    INTEGER NOT NULL REFERENCES endpoint,
    at_ms       INTEGER NOT NULL,
    outcome     INTEGER NOT NULL CHECK (outcome BETWEEN 0 AND 255),
    total_us    INTEGER NOT NULL CHECK (total_us >= 0),
    http_status INTEGER CHECK (http_status BETWEEN 0 AND 65535)
) STRICT;

-- The newest result of each endpoint that said something (known = 1) and that
-- said nothing (known = 0), up to the result named by `newest_through` in meta.
-- It bounds how much of the log a start reads, and outlives its pruning.
CREATE TABLE newest (
    endpoint INTEGER NOT NULL REFERENCES endpoint,
    known    INTEGER NOT NULL CHECK (known IN (0, 1)),
    result   INTEGER NOT NULL,
    at_ms    INTEGER NOT NULL,
    outcome  INTEGER NOT NULL CHECK (outcome BETWEEN 0 AND 255),
    total_us INTEGER NOT NULL CHECK (total_us >= 0),
    PRIMARY KEY (endpoint, known)
) STRICT, WITHOUT ROWID;

-- Health over time: one span ends where the next begins.
CREATE TABLE span (
    id       INTEGER PRIMARY KEY,
    endpoint INTEGER NOT NULL REFERENCES endpoint,
    health   INTEGER NOT NULL CHECK (health BETWEEN 0 AND 3),
    from_ms  INTEGER NOT NULL,
    to_ms    INTEGER CHECK (to_ms > from_ms),
    -- The health before a silence, for the judge after a restart. It is not
    -- always the span before this one: a silence may replace it.
    before   INTEGER CHECK (before IS NULL OR (before BETWEEN 0 AND 2 AND health = 3)),
    UNIQUE (endpoint, from_ms)
) STRICT;

-- An endpoint has at most one open span.
CREATE UNIQUE INDEX span_open ON span (endpoint) WHERE to_ms IS NULL;

CREATE TABLE notice (
    id           INTEGER PRIMARY KEY,
    -- 0 is a maintenance, 1 an announcement.
    kind         INTEGER NOT NULL CHECK (kind IN (0, 1)),
    name         TEXT    NOT NULL,
    title_zh     TEXT,
    title_en     TEXT,
    body_zh      TEXT,
    body_en      TEXT,
    starts_ms    INTEGER NOT NULL,
    ends_ms      INTEGER,
    published_ms INTEGER NOT NULL,
    ended_ms     INTEGER,
    UNIQUE (kind, name),
    CHECK (title_zh IS NOT NULL OR title_en IS NOT NULL),
    CHECK (kind = 1 OR ends_ms IS NOT NULL)
) STRICT;

CREATE TABLE notice_covers (
    notice   INTEGER NOT NULL REFERENCES notice ON DELETE CASCADE,
    position INTEGER NOT NULL,
    -- 0 is a component, 1 an endpoint.
    kind     INTEGER NOT NULL CHECK (kind IN (0, 1)),
    name     TEXT    NOT NULL,
    PRIMARY KEY (notice, position)
) STRICT, WITHOUT ROWID;

-- What people changed: endpoints and notices.
CREATE TABLE change (
    id      INTEGER PRIMARY KEY,
    at_ms   INTEGER NOT NULL,
    what    TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    detail  TEXT    NOT NULL
) STRICT;

CREATE TABLE meta (
    key   TEXT    PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
