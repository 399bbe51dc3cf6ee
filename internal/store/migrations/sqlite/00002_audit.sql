-- +goose Up

-- Every change that a person or a program made, in order. Never changed, never deleted.
CREATE TABLE audit_log (
    id       INTEGER PRIMARY KEY,
    uuid     TEXT    NOT NULL UNIQUE,
    at       INTEGER NOT NULL,
    who      TEXT    NOT NULL,            -- the account; "modelgate" for the program itself
    address  TEXT    NOT NULL,            -- where the request came from, "" for the program itself
    request  TEXT    NOT NULL,            -- id of the request
    action   TEXT    NOT NULL,            -- noun.verb
    object   TEXT    NOT NULL,            -- UUID or key of what was changed
    name     TEXT    NOT NULL,            -- what people call it
    old      TEXT    NOT NULL,            -- JSON, "" if it was made
    new      TEXT    NOT NULL             -- JSON, "" if it was removed
);
CREATE INDEX audit_log_by_time ON audit_log (at, id);
CREATE INDEX audit_log_by_object ON audit_log (object, id);
CREATE INDEX audit_log_by_who ON audit_log (who, id);

-- +goose Down
DROP TABLE audit_log;
