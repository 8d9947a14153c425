-- Repository sync at scale: runs whose pages are fetched several at a time, what pages were like
-- last time, the turn of each connection, the stub of a profile, and what is to be told outside.

-- A page of a run is planned (no ids) and then done. Runs of the old form cannot be gone on with:
-- their jobs begin new ones.
UPDATE sync_runs SET status = 'failed', incomplete_reason = 'page_failed', error_code = 'superseded',
    error_message = 'Mooring was upgraded; a new run lists from the start.', finished_at = now()
WHERE status = 'running';
DELETE FROM sync_pages;
ALTER TABLE sync_pages
    -- How the provider is asked for it, as JSON; null is the start of the listing. Compared as text,
    -- since an operator that is not leakproof finds no index under row-level security.
    ADD COLUMN cursor text NOT NULL,
    ALTER COLUMN repository_ids DROP NOT NULL;
ALTER TABLE sync_runs DROP COLUMN cursor;

-- What a page was like when its body was last read. It is asked for with its ETag only while the
-- credential is the same and its rows stand as that body left them, so that nothing which is changed
-- here by other hands (a webhook, an operator) stays wrong behind an unchanged page.
CREATE TABLE page_etags (
    organization_id    uuid NOT NULL,
    connection_id      uuid NOT NULL,
    cursor             text NOT NULL,
    -- Which build's way of reading it was.
    reading            smallint NOT NULL,
    credential_version bigint NOT NULL,
    -- Its place in the listing then.
    page               integer NOT NULL,
    etag               text NOT NULL CHECK (octet_length(etag) <= 512),
    repository_ids     text[] NOT NULL,
    -- What followed it; NULL where nothing did.
    next               text,
    stored_at          timestamptz NOT NULL,
    PRIMARY KEY (organization_id, connection_id, cursor),
    FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id) ON DELETE CASCADE
) WITH (fillfactor = 80);
ALTER TABLE page_etags ENABLE ROW LEVEL SECURITY;
ALTER TABLE page_etags FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON page_etags TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY tenant ON page_etags TO mooring_app
    USING (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid)
    WITH CHECK (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON page_etags TO mooring_app;

-- When a connection's turn came last. A table of its own, so that the index which finds whose turn
-- it is stands in the way of no update of connections.
CREATE TABLE sync_turns (
    organization_id uuid NOT NULL,
    connection_id   uuid PRIMARY KEY,
    last_at         timestamptz NOT NULL,
    FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id) ON DELETE CASCADE
) WITH (fillfactor = 70);
CREATE INDEX sync_turns_due ON sync_turns (last_at, connection_id);
ALTER TABLE sync_turns ENABLE ROW LEVEL SECURITY;
ALTER TABLE sync_turns FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON sync_turns TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY tenant ON sync_turns TO mooring_app
    USING (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid)
    WITH CHECK (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid);
CREATE POLICY system ON sync_turns TO mooring_system USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON sync_turns TO mooring_app;
GRANT SELECT, UPDATE (last_at) ON sync_turns TO mooring_system;
GRANT SELECT (base_url) ON connections TO mooring_system;
-- Each connection begins somewhere in the shortest interval that people choose, so that they come
-- by turns from the first day.
INSERT INTO sync_turns (organization_id, connection_id, last_at)
SELECT organization_id, id, now() - random() * interval '4 hours' FROM connections;

-- The profile of an application: what a repository is made of. A stub until it is analyzed.
CREATE TABLE application_profiles (
    organization_id uuid NOT NULL,
    -- By the id alone: the check is made for every row of a page, and where a table is new and has no
    -- statistics, an index that begins with the organization looks as good to the planner and is not.
    repository_id   uuid PRIMARY KEY REFERENCES repositories ON DELETE CASCADE,
    state           text NOT NULL DEFAULT 'stub' CHECK (state IN ('stub', 'ready', 'failed')),
    app_type        text,
    languages       jsonb NOT NULL DEFAULT '[]',
    ecosystems      jsonb NOT NULL DEFAULT '[]',
    manifests       jsonb NOT NULL DEFAULT '[]',
    dependencies    jsonb NOT NULL DEFAULT '[]',
    analyzed_at     timestamptz,
    commit_sha      text
);
ALTER TABLE application_profiles ENABLE ROW LEVEL SECURITY;
ALTER TABLE application_profiles FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON application_profiles TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY tenant ON application_profiles TO mooring_app
    USING (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid)
    WITH CHECK (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON application_profiles TO mooring_app;
INSERT INTO application_profiles (organization_id, repository_id)
SELECT organization_id, id FROM repositories;

-- What happened and is to be told to whoever follows it from outside: written in the transaction of
-- the change. Ids are in the order of their making (UUIDv7), by which old ones are found. Kept 7
-- days: longer than a delivery is tried, delivered or not.
CREATE TABLE outbox_events (
    organization_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    id              uuid PRIMARY KEY,
    type            text NOT NULL,
    data            jsonb NOT NULL,
    created_at      timestamptz NOT NULL,
    delivered_at    timestamptz
);
CREATE INDEX outbox_events_waiting ON outbox_events (organization_id, id) WHERE delivered_at IS NULL;
ALTER TABLE outbox_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE outbox_events FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON outbox_events TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY tenant ON outbox_events TO mooring_app
    USING (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid)
    WITH CHECK (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid);
CREATE POLICY system ON outbox_events TO mooring_system USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox_events TO mooring_app;
GRANT SELECT (organization_id, id, type, created_at, delivered_at), DELETE ON outbox_events TO mooring_system;
