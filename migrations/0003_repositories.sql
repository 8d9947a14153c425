-- Repositories and the runs that find them.
--
-- A repository is known by the provider's immutable id. A sync writes a row only when something
-- about it changed; what a run has *seen* is kept per page in sync_pages and compared once, at the
-- end of a complete run. So a run over an unchanged account writes a handful of rows, not all.

CREATE TABLE repositories (
    organization_id        uuid NOT NULL,
    id                     uuid PRIMARY KEY,
    connection_id          uuid NOT NULL,
    provider_repository_id text NOT NULL,
    provider               text NOT NULL,
    name                   text NOT NULL,
    full_name              text NOT NULL,
    url                    text NOT NULL,
    clone_url              text NOT NULL,
    ssh_url                text,
    private                boolean NOT NULL,
    default_branch         text,
    description            text,
    language               text,
    archived               boolean NOT NULL,
    fork                   boolean NOT NULL,
    has_write_access       boolean,
    size_kb                bigint,
    pushed_at              timestamptz,
    first_seen_at          timestamptz NOT NULL,
    -- When a run last changed the row or saw it go; `last_seen_at` as shown is the later of this
    -- and the connection's last complete sync.
    last_changed_at        timestamptz NOT NULL,
    removed_at             timestamptz,
    UNIQUE (organization_id, id),
    UNIQUE (organization_id, connection_id, provider_repository_id),
    FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id) ON DELETE CASCADE
) WITH (fillfactor = 85);
CREATE INDEX repositories_by_connection ON repositories (organization_id, connection_id, full_name, id) WHERE removed_at IS NULL;
CREATE INDEX repositories_by_name ON repositories (organization_id, full_name, id) WHERE removed_at IS NULL;
CREATE INDEX repositories_name ON repositories (organization_id, connection_id, lower(full_name)) WHERE removed_at IS NULL;
CREATE INDEX repositories_removed ON repositories (organization_id, full_name, id) WHERE removed_at IS NOT NULL;
ALTER TABLE repositories ENABLE ROW LEVEL SECURITY;
ALTER TABLE repositories FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON repositories TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY tenant ON repositories TO mooring_app
    USING (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid)
    WITH CHECK (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON repositories TO mooring_app;

CREATE TABLE sync_runs (
    organization_id   uuid NOT NULL,
    id                uuid PRIMARY KEY,
    connection_id     uuid NOT NULL,
    -- Who goes on with it: the job, and which claim of that job. A worker that was thought dead
    -- holds an older claim and can store nothing any more.
    job_id            uuid,
    job_fence         integer NOT NULL DEFAULT 0,
    -- The credential it lists with: another one may see other repositories.
    credential_version bigint NOT NULL DEFAULT 0,
    trigger           text NOT NULL CHECK (trigger IN ('created', 'manual', 'scheduled', 'webhook', 'reconnected')),
    status            text NOT NULL CHECK (status IN ('running', 'succeeded', 'failed', 'cancelled')),
    full_listing      boolean NOT NULL DEFAULT false,
    -- The next page; NULL before the first and after the last.
    cursor            jsonb,
    pages             integer NOT NULL DEFAULT 0,
    expected          integer,
    -- Items on its pages that could not be read: reported, never removed.
    undecodable       integer NOT NULL DEFAULT 0,
    found             integer NOT NULL DEFAULT 0,
    added             integer NOT NULL DEFAULT 0,
    updated           integer NOT NULL DEFAULT 0,
    removed           integer NOT NULL DEFAULT 0,
    complete          boolean NOT NULL DEFAULT false,
    incomplete_reason text,
    requests          integer NOT NULL DEFAULT 0,
    not_modified      integer NOT NULL DEFAULT 0,
    error_code        text,
    error_message     text,
    started_at        timestamptz NOT NULL,
    finished_at       timestamptz,
    UNIQUE (organization_id, id),
    FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id) ON DELETE CASCADE
) WITH (fillfactor = 70);
-- One run per connection at a time; also what the sweep for stranded runs reads.
CREATE UNIQUE INDEX sync_runs_running ON sync_runs (connection_id) WHERE status = 'running';
CREATE INDEX sync_runs_list ON sync_runs (organization_id, connection_id, id);
ALTER TABLE sync_runs ENABLE ROW LEVEL SECURITY;
ALTER TABLE sync_runs FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON sync_runs TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY tenant ON sync_runs TO mooring_app
    USING (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid)
    WITH CHECK (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid);
CREATE POLICY system ON sync_runs TO mooring_system USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON sync_runs TO mooring_app;
GRANT SELECT (organization_id, id, connection_id, status, started_at, job_id) ON sync_runs TO mooring_system;

-- What each page of a run has seen. Gone when the run ends.
CREATE TABLE sync_pages (
    organization_id uuid NOT NULL,
    run_id          uuid NOT NULL,
    page            integer NOT NULL,
    repository_ids  text[] NOT NULL,
    PRIMARY KEY (run_id, page),
    FOREIGN KEY (organization_id, run_id) REFERENCES sync_runs (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX sync_pages_organization ON sync_pages (organization_id, run_id);
ALTER TABLE sync_pages ENABLE ROW LEVEL SECURITY;
ALTER TABLE sync_pages FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON sync_pages TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY tenant ON sync_pages TO mooring_app
    USING (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid)
    WITH CHECK (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON sync_pages TO mooring_app;

-- What scanners may touch. The connection may be the organization's own or a shared one of the
-- platform, so the foreign key carries the connection's tenant.
CREATE TABLE connected_repositories (
    organization_id            uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    id                         uuid PRIMARY KEY,
    connection_organization_id uuid NOT NULL,
    connection_id              uuid NOT NULL,
    provider                   text NOT NULL,
    provider_repository_id     text NOT NULL,
    full_name                  text NOT NULL,
    sast_enabled               boolean NOT NULL,
    sca_enabled                boolean NOT NULL,
    default_branch             text,
    last_scan_at               timestamptz,
    created_by                 uuid,
    created_at                 timestamptz NOT NULL,
    updated_at                 timestamptz NOT NULL,
    UNIQUE (organization_id, id),
    UNIQUE (organization_id, connection_id, provider_repository_id),
    FOREIGN KEY (connection_organization_id, connection_id) REFERENCES connections (organization_id, id) ON DELETE CASCADE,
    CHECK (connection_organization_id IN (organization_id, '00000000-0000-7000-8000-000000000001'))
);
CREATE INDEX connected_repositories_connection ON connected_repositories (connection_organization_id, connection_id);
ALTER TABLE connected_repositories ENABLE ROW LEVEL SECURITY;
ALTER TABLE connected_repositories FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON connected_repositories TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY tenant ON connected_repositories TO mooring_app
    USING (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid)
    WITH CHECK (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid);
CREATE POLICY system ON connected_repositories TO mooring_system USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON connected_repositories TO mooring_app;
-- Who uses a shared connection is asked across tenants when the platform deletes it.
GRANT SELECT (connection_organization_id, connection_id) ON connected_repositories TO mooring_system;
