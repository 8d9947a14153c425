-- Renewing tokens: each attempt is written down before the provider is asked, and who uses a token
-- for how long, so that a renewal that kills it can wait. The protocol is argued in
-- shared::session::refresh.

ALTER TABLE credentials
    -- Moves with every new grant or pasted token, and with no renewal: a sync that was begun under a
    -- grant goes on under its next token.
    ADD COLUMN generation bigint NOT NULL DEFAULT 1,
    -- Whether there is something to renew with. The sweep and the taker need to know, and neither
    -- may read a sealed column.
    ADD COLUMN renewable boolean NOT NULL GENERATED ALWAYS AS (refresh_token IS NOT NULL) STORED,
    -- The attempt whose answer is not written down yet, and since when (the database's clock).
    ADD COLUMN attempt_id uuid,
    ADD COLUMN attempt_started_at timestamptz,
    -- How often the present refresh token was presented without our learning the outcome.
    ADD COLUMN unknown_outcomes smallint NOT NULL DEFAULT 0,
    -- The end of the longest lease on the access token that was not given back: a renewal that kills
    -- the token waits for it. Beside the leases, since those on a lent connection belong to other
    -- tenants and the taker sees one tenant alone.
    ADD COLUMN in_use_until timestamptz,
    -- The provider has refused the present refresh token for good: it is never presented again.
    ADD COLUMN refresh_refused boolean NOT NULL DEFAULT false,
    -- Failures in a row, for the distance of the next try.
    ADD COLUMN refresh_failures smallint NOT NULL DEFAULT 0;
CREATE INDEX credentials_due ON credentials (next_refresh_at, connection_id) WHERE next_refresh_at IS NOT NULL;

CREATE TABLE token_refreshes (
    organization_id uuid NOT NULL,
    connection_id   uuid NOT NULL,
    id              uuid NOT NULL,
    fence           bigint NOT NULL,
    -- The version of the credential whose refresh token is presented.
    version         bigint NOT NULL,
    -- The how many-th presentation of that refresh token it is.
    presentation    smallint NOT NULL,
    reason          text NOT NULL CHECK (reason IN ('sweep', 'manual', 'use', 'refused', 'credential')),
    -- The process that asks, and the clock of the database.
    holder          text NOT NULL,
    started_at      timestamptz NOT NULL,
    ended_at        timestamptz,
    outcome         text NOT NULL CHECK (outcome IN ('in_flight', 'refreshed', 'discarded', 'refused',
                        'revoked', 'interaction_required', 'operator', 'later', 'not_sent', 'unknown')),
    -- The provider's own code, and what came, for operators.
    code            text,
    detail          text,
    PRIMARY KEY (organization_id, connection_id, id),
    FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id) ON DELETE CASCADE
) WITH (fillfactor = 80);
ALTER TABLE token_refreshes ENABLE ROW LEVEL SECURITY;
ALTER TABLE token_refreshes FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON token_refreshes TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY tenant ON token_refreshes TO mooring_app
    USING (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid)
    WITH CHECK (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON token_refreshes TO mooring_app;

CREATE TABLE credential_leases (
    organization_id    uuid NOT NULL,
    id                 uuid NOT NULL,
    -- The connection's own tenant: the platform lends its connections.
    connection_organization_id uuid NOT NULL,
    connection_id      uuid NOT NULL,
    credential_version bigint NOT NULL,
    purpose            text NOT NULL CHECK (char_length(purpose) BETWEEN 1 AND 200),
    repository         text,
    environment_id     uuid,
    created_by         uuid,
    created_by_name    text,
    created_at         timestamptz NOT NULL,
    ends_at            timestamptz NOT NULL,
    returned_at        timestamptz,
    PRIMARY KEY (organization_id, id),
    FOREIGN KEY (connection_organization_id, connection_id) REFERENCES connections (organization_id, id) ON DELETE CASCADE,
    CHECK (connection_organization_id IN (organization_id, '00000000-0000-7000-8000-000000000001'))
);
CREATE INDEX credential_leases_open ON credential_leases (connection_organization_id, connection_id, ends_at)
    WHERE returned_at IS NULL;
ALTER TABLE credential_leases ENABLE ROW LEVEL SECURITY;
ALTER TABLE credential_leases FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON credential_leases TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY tenant ON credential_leases TO mooring_app
    USING (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid)
    WITH CHECK (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON credential_leases TO mooring_app;
-- Who else uses a lent token is asked across tenants when one of them gives it back.
GRANT SELECT (connection_organization_id, connection_id, ends_at, returned_at) ON credential_leases TO mooring_system;
CREATE POLICY system ON credential_leases FOR SELECT TO mooring_system USING (true);

-- Renewals are taken and stored for many tenants in one statement: a storm of them must not be a
-- storm of commits. The sealed columns are written through this door and never read.
GRANT SELECT (organization_id, connection_id, version, fence, lease_until, renewable, attempt_id, attempt_started_at,
              unknown_outcomes, in_use_until, expires_at, next_refresh_at, refresh_failures, refresh_refused),
      UPDATE (access_token, refresh_token, expires_at, refresh_expires_at, next_refresh_at, version, fence,
              lease_until, attempt_id, attempt_started_at, unknown_outcomes, refresh_failures, refresh_refused, obtained_at, updated_at)
    ON credentials TO mooring_system;
CREATE POLICY system ON credentials TO mooring_system USING (true);
GRANT SELECT (organization_id, connection_id, id, outcome), INSERT,
      UPDATE (outcome, ended_at, detail) ON token_refreshes TO mooring_system;
CREATE POLICY system ON token_refreshes TO mooring_system USING (true);
GRANT SELECT (health_code, scopes),
      UPDATE (token_expires_at, refresh_token_expires_at, last_refreshed_at, scopes) ON connections TO mooring_system;
GRANT INSERT ON activity TO mooring_system;
