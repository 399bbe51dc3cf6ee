-- +goose Up

-- Times are microseconds since 1970, UTC. UUIDs are text in lower case. Lists are JSON.

-- The addresses of models, each once however often it was scanned: what a search for a part of one goes through.
CREATE TABLE uris (
    id     INTEGER PRIMARY KEY,
    uri    TEXT NOT NULL UNIQUE,
    search TEXT NOT NULL                            -- in lower case
);

-- A scan: one version judged under one group. Never deleted.
CREATE TABLE scans (
    id                 INTEGER PRIMARY KEY,
    uuid               TEXT    NOT NULL UNIQUE,
    created_at         INTEGER NOT NULL,
    updated_at         INTEGER NOT NULL,
    instance           TEXT    NOT NULL,            -- the process that makes it
    version_key        TEXT    NOT NULL,            -- source|kind|name|revision
    source             TEXT    NOT NULL,
    kind               TEXT    NOT NULL,
    name               TEXT    NOT NULL,
    revision           TEXT    NOT NULL,
    model_uri          TEXT    NOT NULL,
    uri_id             INTEGER NOT NULL REFERENCES uris (id),
    model_name         TEXT    NOT NULL,
    model_author       TEXT    NOT NULL,
    model_version      TEXT    NOT NULL,
    requested_revision TEXT    NOT NULL,
    model_version_uuid TEXT    NOT NULL,
    owner              TEXT    NOT NULL,
    origin             TEXT    NOT NULL,
    group_uuid         TEXT    NOT NULL,
    group_name         TEXT    NOT NULL,            -- at the time of the scan
    group_rules        TEXT    NOT NULL,            -- fingerprint of what decided
    outcome            TEXT    NOT NULL,
    error_code         TEXT    NOT NULL,
    error_message      TEXT    NOT NULL,
    formats            TEXT    NOT NULL,
    labels             TEXT    NOT NULL,            -- as in scan_labels, for lists
    scanner_version    TEXT    NOT NULL,
    sdk_version        TEXT    NOT NULL,
    time_started       INTEGER NOT NULL,
    time_finished      INTEGER NOT NULL,
    files_scanned      INTEGER NOT NULL,
    files_skipped      INTEGER NOT NULL,
    enabled_rules      INTEGER NOT NULL,
    rules_failed       INTEGER NOT NULL,
    rules_passed       INTEGER NOT NULL,
    rules_total        INTEGER NOT NULL,
    partial            INTEGER NOT NULL
);
CREATE INDEX scans_by_creation ON scans (created_at, id);
CREATE INDEX scans_by_update ON scans (updated_at, id);
CREATE INDEX scans_by_version ON scans (version_key, group_uuid, id);
CREATE INDEX scans_by_uri ON scans (uri_id, created_at, id);
CREATE INDEX scans_by_group ON scans (group_uuid, created_at, id);
CREATE INDEX scans_by_outcome ON scans (outcome, created_at, id);
CREATE INDEX scans_by_source ON scans (source, created_at, id);
CREATE INDEX scans_by_model_version ON scans (model_version_uuid, created_at, id);
CREATE INDEX scans_pending ON scans (instance, updated_at) WHERE outcome = 'PENDING';

CREATE TABLE scan_labels (
    scan_id INTEGER NOT NULL REFERENCES scans (id),
    key     TEXT    NOT NULL,
    value   TEXT    NOT NULL,
    PRIMARY KEY (scan_id, key)
) WITHOUT ROWID;
CREATE INDEX scan_labels_by_key ON scan_labels (key, value, scan_id);

-- Name and description of a rule as they were when it was evaluated; few rows, shared by all evaluations.
CREATE TABLE rule_texts (
    id          INTEGER PRIMARY KEY,
    name        TEXT NOT NULL,
    description TEXT NOT NULL,
    UNIQUE (name, description)
);

CREATE TABLE evaluations (
    id               INTEGER PRIMARY KEY,
    uuid             TEXT    NOT NULL UNIQUE,
    scan_id          INTEGER NOT NULL REFERENCES scans (id),
    pos              INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    rule_uuid        TEXT    NOT NULL,
    rule_instance    TEXT    NOT NULL,
    text_id          INTEGER NOT NULL REFERENCES rule_texts (id),
    state            TEXT    NOT NULL,
    result           TEXT    NOT NULL,
    reason           TEXT    NOT NULL,
    violation_count  INTEGER NOT NULL,
    UNIQUE (scan_id, rule_uuid)
);

CREATE TABLE violations (
    id            INTEGER PRIMARY KEY,
    uuid          TEXT    NOT NULL UNIQUE,
    scan_id       INTEGER NOT NULL REFERENCES scans (id),
    evaluation_id INTEGER NOT NULL REFERENCES evaluations (id),
    pos           INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    file          TEXT    NOT NULL,                 -- members after !/
    path          TEXT    NOT NULL,                 -- the file alone, "" for metadata
    threat        TEXT    NOT NULL,
    severity      TEXT    NOT NULL,
    body          TEXT    NOT NULL                  -- the whole violation
);
CREATE INDEX violations_in_order ON violations (evaluation_id, file, pos);
CREATE INDEX violations_by_path ON violations (evaluation_id, path);
CREATE INDEX violations_by_threat ON violations (threat, scan_id);
CREATE INDEX violations_by_scan ON violations (scan_id, file);

-- Files and directories of a scan. A directory's result is the worst of what is below it.
CREATE TABLE files (
    scan_id   INTEGER NOT NULL REFERENCES scans (id),
    path      TEXT    NOT NULL,
    directory INTEGER NOT NULL,
    parent    TEXT    NOT NULL,                     -- "" is the top level
    rank      INTEGER NOT NULL,                     -- 0 SKIPPED, 1 SUCCESS, 2 FAILED, 3 ERROR
    size      INTEGER NOT NULL,
    digest    TEXT    NOT NULL,
    blob_id   TEXT    NOT NULL,
    formats   TEXT    NOT NULL,
    error     TEXT    NOT NULL,
    PRIMARY KEY (scan_id, path, directory)
) WITHOUT ROWID;
CREATE INDEX files_by_parent ON files (scan_id, parent, path);

CREATE TABLE security_groups (
    uuid        TEXT    PRIMARY KEY,
    name        TEXT    NOT NULL,
    description TEXT    NOT NULL,
    source      TEXT    NOT NULL,
    is_default  INTEGER NOT NULL,
    declared    INTEGER NOT NULL,
    tombstone   INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
);
CREATE UNIQUE INDEX security_groups_live_names ON security_groups (name) WHERE tombstone = 0;

CREATE TABLE rule_instances (
    uuid         TEXT    PRIMARY KEY,
    group_uuid   TEXT    NOT NULL REFERENCES security_groups (uuid),
    pos          INTEGER NOT NULL,
    rule_uuid    TEXT    NOT NULL,
    state        TEXT    NOT NULL,
    field_values TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    UNIQUE (group_uuid, rule_uuid)
);

-- Rules that are switched off for every group.
CREATE TABLE disabled_rules (
    rule_uuid  TEXT    PRIMARY KEY,
    created_at INTEGER NOT NULL
);

CREATE TABLE models (
    uuid           TEXT    PRIMARY KEY,
    source         TEXT    NOT NULL,
    kind           TEXT    NOT NULL,
    name           TEXT    NOT NULL,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    latest_version TEXT    NOT NULL,
    UNIQUE (source, kind, name)
);
CREATE INDEX models_by_update ON models (updated_at);

CREATE TABLE model_versions (
    uuid        TEXT    PRIMARY KEY,
    model_uuid  TEXT    NOT NULL REFERENCES models (uuid),
    revision    TEXT    NOT NULL,
    fingerprint TEXT    NOT NULL,
    file_count  INTEGER NOT NULL,
    formats     TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    latest_scan TEXT    NOT NULL
);
CREATE INDEX model_versions_by_model ON model_versions (model_uuid, updated_at);

CREATE TABLE downloads (
    id        INTEGER PRIMARY KEY,
    at        INTEGER NOT NULL,
    source    TEXT    NOT NULL,
    kind      TEXT    NOT NULL,
    name      TEXT    NOT NULL,
    revision  TEXT    NOT NULL,
    path      TEXT    NOT NULL,
    digest    TEXT    NOT NULL,
    scan_uuid TEXT    NOT NULL,
    outcome   TEXT    NOT NULL,
    client    TEXT    NOT NULL,
    who       TEXT    NOT NULL,
    bytes     INTEGER NOT NULL,
    door      TEXT    NOT NULL,
    requests  INTEGER NOT NULL
);
CREATE INDEX downloads_by_time ON downloads (at);
CREATE INDEX downloads_by_model ON downloads (name, at);
CREATE INDEX downloads_by_scan ON downloads (scan_uuid, at);

-- What scanners said of bytes, under the key that names bytes and scanner.
CREATE TABLE file_reports (
    key  TEXT    PRIMARY KEY,
    at   INTEGER NOT NULL,
    body BLOB    NOT NULL
);

-- What upstream said and is worth keeping.
CREATE TABLE facts (
    key   TEXT    PRIMARY KEY,
    at    INTEGER NOT NULL,
    value BLOB    NOT NULL
);

-- +goose Down
DROP TABLE facts;
DROP TABLE file_reports;
DROP TABLE downloads;
DROP TABLE model_versions;
DROP TABLE models;
DROP TABLE disabled_rules;
DROP TABLE rule_instances;
DROP TABLE security_groups;
DROP TABLE files;
DROP TABLE violations;
DROP TABLE evaluations;
DROP TABLE rule_texts;
DROP TABLE scan_labels;
DROP TABLE scans;
DROP TABLE uris;
