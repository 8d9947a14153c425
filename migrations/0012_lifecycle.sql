-- The life of a connection, as it is told.

-- A timeline reads each of its tables from the newest entry of one connection on; the others have
-- such an index already.
CREATE INDEX credential_leases_timeline ON credential_leases (organization_id, connection_id, id);

-- Warnings before the end of what only a person can replace: a pasted token, or the refresh token of
-- a grant that has one. Beside the secret, since its dates move with it; what was said last is said
-- of one end, so a date that moves begins anew by itself.
--
-- The next moment at which something has to be said. Hours and not days are taken away, so that the
-- result hangs on no time zone, as an index needs it.
CREATE FUNCTION next_warning(ends_at timestamptz, warned_end timestamptz, warned_days smallint)
RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN CASE
    WHEN warned_end IS DISTINCT FROM ends_at OR warned_days > 30 THEN ends_at - interval '720 hours'
    WHEN warned_days > 14 THEN ends_at - interval '336 hours'
    WHEN warned_days > 7 THEN ends_at - interval '168 hours'
    WHEN warned_days > 1 THEN ends_at - interval '24 hours'
    WHEN warned_days > 0 THEN ends_at
    END;
ALTER TABLE credentials
    -- The end that was last warned of, and the step (30, 14, 7, 1; 0 is the end itself).
    ADD COLUMN warned_end timestamptz,
    ADD COLUMN warned_days smallint,
    ADD COLUMN ends_at timestamptz GENERATED ALWAYS AS
        (CASE WHEN refresh_token IS NULL THEN expires_at ELSE refresh_expires_at END) STORED,
    ADD COLUMN warn_at timestamptz GENERATED ALWAYS AS (next_warning(
        CASE WHEN refresh_token IS NULL THEN expires_at ELSE refresh_expires_at END,
        warned_end, warned_days)) STORED;
CREATE INDEX credentials_warn ON credentials (warn_at, connection_id) WHERE warn_at IS NOT NULL;
GRANT SELECT (warn_at) ON credentials TO mooring_system;

-- Tokens that make their own successor (GitLab). Making one kills the token, and presenting a killed
-- one again kills the successor too: so each attempt is written down before the provider is asked,
-- and while the outcome of one is open there is no other of the same token.
CREATE TABLE token_rotations (
    organization_id uuid NOT NULL,
    connection_id   uuid NOT NULL,
    id              uuid NOT NULL,
    -- The version of the credential that makes its successor.
    version         bigint NOT NULL,
    -- The process that asks, and the clock of the database.
    holder          text NOT NULL,
    started_at      timestamptz NOT NULL,
    ended_at        timestamptz,
    outcome         text NOT NULL CHECK (outcome IN ('in_flight', 'rotated', 'discarded', 'refused',
                        'unsupported', 'later', 'not_sent', 'unknown', 'not_rotated', 'lost')),
    -- What came, for operators.
    detail          text,
    PRIMARY KEY (organization_id, connection_id, id),
    FOREIGN KEY (organization_id, connection_id) REFERENCES connections (organization_id, id) ON DELETE CASCADE
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX token_rotations_open ON token_rotations (organization_id, connection_id, version)
    WHERE outcome IN ('in_flight', 'unknown');
ALTER TABLE token_rotations ENABLE ROW LEVEL SECURITY;
ALTER TABLE token_rotations FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON token_rotations TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY tenant ON token_rotations TO mooring_app
    USING (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid)
    WITH CHECK (organization_id = NULLIF(current_setting('mooring.organization', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON token_rotations TO mooring_app;

ALTER TABLE credentials
    -- Not before then again.
    ADD COLUMN rotate_after timestamptz,
    -- The version that cannot make a successor: only a person can replace it.
    ADD COLUMN unrotatable_version bigint;
-- A token lives a year at most and is rotated when a third of its life is left: the sweep reads the
-- nearer part of these, and no other connection.
CREATE INDEX connections_rotating ON connections (token_expires_at, id)
    WHERE auto_rotate AND is_active AND status = 'active' AND token_expires_at IS NOT NULL;
GRANT SELECT (auto_rotate, token_expires_at) ON connections TO mooring_system;
GRANT SELECT (obtained_at, rotate_after, unrotatable_version) ON credentials TO mooring_system;
