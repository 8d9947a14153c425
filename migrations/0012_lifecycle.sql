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
