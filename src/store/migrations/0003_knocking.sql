-- Logins that were tried, so that no account is ever locked by us: written and
-- flushed before the request is sent, kept for a day.
CREATE TABLE login_attempt (
    id      INTEGER PRIMARY KEY,
    origin  TEXT    NOT NULL,
    account TEXT    NOT NULL,
    at_ms   INTEGER NOT NULL,
    -- 0 not known, 1 let in, 2 refused.
    ended   INTEGER NOT NULL DEFAULT 0 CHECK (ended BETWEEN 0 AND 2)
) STRICT;
CREATE INDEX login_attempt_of ON login_attempt (account, origin, at_ms);

-- Accounts that may not log in until a person says so.
CREATE TABLE login_stop (
    origin   TEXT    NOT NULL,
    account  TEXT    NOT NULL,
    -- The code of the unknown reason.
    reason   INTEGER NOT NULL,
    since_ms INTEGER NOT NULL,
    PRIMARY KEY (account, origin)
) STRICT, WITHOUT ROWID;

-- Hosts that told us to stay away; of each the last pause.
CREATE TABLE host_pause (
    -- Its name and port.
    host      TEXT    PRIMARY KEY,
    -- The code of the unknown reason.
    reason    INTEGER NOT NULL,
    since_ms  INTEGER NOT NULL,
    length_us INTEGER NOT NULL,
    -- Which it was since the host was fine: each is longer.
    nth       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The last code of a second factor that was used: never the same twice.
CREATE TABLE totp_used (
    account TEXT    PRIMARY KEY,
    -- When its period began, in seconds since 1970.
    began_s INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Which of the thresholds before a certificate's end was told last.
CREATE TABLE certificate_told (
    endpoint    INTEGER NOT NULL REFERENCES endpoint,
    fingerprint TEXT    NOT NULL,
    days        INTEGER NOT NULL,
    at_ms       INTEGER NOT NULL,
    PRIMARY KEY (endpoint, fingerprint)
) STRICT, WITHOUT ROWID;

-- What a probe saw, as JSON, redacted before it came here.
CREATE TABLE evidence (
    id       INTEGER PRIMARY KEY,
    endpoint INTEGER NOT NULL REFERENCES endpoint,
    at_ms    INTEGER NOT NULL,
    -- 0 the last failure of its endpoint, 1 the start of an outage.
    kind     INTEGER NOT NULL CHECK (kind IN (0, 1)),
    outcome  INTEGER NOT NULL CHECK (outcome BETWEEN 0 AND 255),
    seen     TEXT    NOT NULL
) STRICT;
CREATE INDEX evidence_of ON evidence (endpoint, at_ms);
