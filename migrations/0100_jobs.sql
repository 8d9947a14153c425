-- Jobs: queue entry and record in one. See worker::backend for the protocol on top.
--
-- No foreign keys to organizations or connections: a key check locks the parent row FOR KEY SHARE
-- in every enqueue, which serializes a storm in one tenant with each change of that tenant's row
-- and costs an index probe per job. Nothing dangles for it: a payload holds ids only and every
-- handler reads its rows anew, so a job about something that is gone ends by itself; whoever
-- deletes an organization deletes its jobs in the same transaction.
CREATE TABLE jobs (
    organization_id   uuid NOT NULL,
    id                uuid NOT NULL,
    connection_id     uuid,
    repository_id     uuid,
    -- Its connection as a part of its lane. A column, since row-level security takes no order from an
    -- index on COALESCE(…), which it holds for leaky: each claim would read and sort its whole lane.
    lane_connection   uuid NOT NULL GENERATED ALWAYS AS
        (COALESCE(connection_id, '00000000-0000-0000-0000-000000000000'::uuid)) STORED,
    -- The claim, counted: moves with each and fences what an earlier one has left to say.
    fence             integer NOT NULL DEFAULT 0,
    -- 0 queued, 1 running, 2 succeeded, 3 failed, 4 cancelled
    status            smallint NOT NULL DEFAULT 0 CHECK (status BETWEEN 0 AND 4),
    -- 0 interactive, 1 webhook, 2 lifecycle, 3 sync, 4 sweep
    priority          smallint NOT NULL CHECK (priority BETWEEN 0 AND 4),
    attempt           smallint NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    max_attempts      smallint NOT NULL CHECK (max_attempts > 0),
    -- How many of this kind may run at once for the connection; NULL: any number.
    connection_limit  smallint CHECK (connection_limit > 0),
    -- Expected to take longer than a second.
    long              boolean NOT NULL DEFAULT false,
    rerun             boolean NOT NULL DEFAULT false,
    cancel_requested  boolean NOT NULL DEFAULT false,
    run_at            timestamptz NOT NULL,
    created_at        timestamptz NOT NULL,
    started_at        timestamptz,
    finished_at       timestamptz,
    -- The worker process that holds it (job_leases).
    lease_id          bigint,
    progress_done     bigint,
    progress_total    bigint,
    kind              text NOT NULL CHECK (octet_length(kind) BETWEEN 1 AND 63),
    dedupe_key        text CHECK (octet_length(dedupe_key) BETWEEN 1 AND 512),
    progress_unit     text,
    error_code        text,
    error_message     text,
    -- json, not jsonb: written once, read once, handed on as it is.
    payload           json NOT NULL,
    requested_by      json,
    result            json,
    -- The tenant leads, so that lists (newest first) and acknowledgements share one index: every
    -- change of status is a new entry in each index, and a second one on id alone would cost a
    -- tenth of the drain rate. The operator's look-up by id alone probes it once per organization.
    PRIMARY KEY (organization_id, id),
    CHECK ((status = 1) = (lease_id IS NOT NULL))
) WITH (
    fillfactor = 70,
    autovacuum_vacuum_cost_delay = 0,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_insert_scale_factor = 0.1,
    autovacuum_analyze_scale_factor = 0.1
);

-- Claiming: one lane is (organization, connection, priority, long), in order of time.
CREATE INDEX jobs_queued ON jobs
    (organization_id, lane_connection, priority, long, run_at, id)
    WHERE status = 0;
-- Takeover, reconciliation, cancellation.
CREATE INDEX jobs_running ON jobs (lease_id) WHERE status = 1;
-- Limits per connection.
CREATE INDEX jobs_limited ON jobs (organization_id, connection_id, kind)
    WHERE status = 1 AND connection_limit IS NOT NULL;
-- One job per key while it waits or runs.
CREATE UNIQUE INDEX jobs_dedupe ON jobs (organization_id, kind, dedupe_key)
    WHERE dedupe_key IS NOT NULL AND status IN (0, 1);
-- What somebody looks for, and what is kept longest.
CREATE INDEX jobs_failed ON jobs (organization_id, id) WHERE status = 3;

ALTER TABLE jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobs FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON jobs TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY tenant ON jobs TO mooring_app
    USING (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid)
    WITH CHECK (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid);
CREATE POLICY system ON jobs TO mooring_system USING (true) WITH CHECK (true);
-- A tenant's transaction enqueues, raises a standing job, cancels and retries; what a job is and
-- who holds it stays as it was written.
GRANT SELECT, INSERT, DELETE ON jobs TO mooring_app;
GRANT UPDATE (status, priority, run_at, rerun, cancel_requested, attempt, result, error_code,
              error_message, started_at, finished_at, progress_done, progress_total, progress_unit)
    ON jobs TO mooring_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON jobs TO mooring_system;

-- One row per worker process: a heartbeat is one UPDATE however many jobs it holds. Ids are never
-- used twice, so a job whose lease has no row has no holder.
CREATE TABLE job_leases (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    worker       text NOT NULL,
    lease_until  timestamptz NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_cost_delay = 0);
GRANT SELECT, INSERT, UPDATE, DELETE ON job_leases TO mooring_system;

-- The last tick of each scheduled line, moved in the transaction that enqueues its job.
CREATE TABLE job_schedule (
    line       text PRIMARY KEY,
    last_tick  timestamptz NOT NULL
) WITH (fillfactor = 50);
GRANT SELECT, INSERT, UPDATE ON job_schedule TO mooring_system;
