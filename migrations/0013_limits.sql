-- What providers let us do, shared by all processes: budgets as their headers tell them, and failed
-- authentications, for which hosts ban addresses. Argued in shared::limits. Both are lookups of the
-- service itself, never of a tenant: mooring_app reaches neither.

-- A window of requests of one account at one instance. Losing it loses nothing: the next answer's
-- headers tell it again.
CREATE UNLOGGED TABLE rate_budgets (
    key          text PRIMARY KEY,
    most         integer,
    remaining    integer,
    -- When the window turns over. Of one window it is kept as it was first told.
    reset_at     timestamptz,
    -- Not before then, whatever remains (Retry-After, secondary limits).
    parked_until timestamptz,
    -- The processes that ask within this window, when they last said so, and how many of their requests
    -- are in flight: what may be at once is divided among them.
    holders      jsonb NOT NULL DEFAULT '{}',
    updated_at   timestamptz NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX rate_budgets_old ON rate_budgets (updated_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON rate_budgets TO mooring_system;

-- Credentials that are being tried for the first time in a while, and those that failed: what a host
-- counts against all of us.
CREATE TABLE auth_trials (
    host            text NOT NULL,
    -- The credential: a connection and the version of its secret, or an id of its own where none is
    -- stored yet.
    key             text NOT NULL,
    organization_id uuid NOT NULL,
    -- Not stored yet: what somebody has pasted.
    pasted          boolean NOT NULL,
    asker           uuid NOT NULL,
    -- Under way until then; NULL where it has ended.
    trial_until     timestamptz,
    failures        smallint NOT NULL DEFAULT 0,
    failed_at       timestamptz,
    failed_by       uuid,
    PRIMARY KEY (host, key)
) WITH (fillfactor = 50);
CREATE INDEX auth_trials_pasted ON auth_trials (organization_id) WHERE pasted;
GRANT SELECT, INSERT, UPDATE, DELETE ON auth_trials TO mooring_system;

-- Takes leave to present a credential. One statement for its caller; the lock of the host makes what
-- it counts true until it has written.
--   taken   it may be presented now
--   busy    another presents the same one: its answer will do
--   dead    another's was refused since p_since
--   full    the host's or the organization's allowance is used up: by failures until retry_at, or,
--           where that is NULL, by those that are under way
--   pasted  the organization has pasted too many that failed, until retry_at
CREATE FUNCTION take_auth_trial(
    p_host text, p_key text, p_organization uuid, p_asker uuid, p_proven boolean, p_pasted boolean,
    p_since timestamptz, p_now timestamptz, p_lease interval,
    p_window interval, p_most integer, p_unproven integer, p_share integer,
    p_pasted_window interval, p_pasted_most integer,
    OUT verdict text, OUT retry_at timestamptz
) LANGUAGE plpgsql AS $$
DECLARE
    own auth_trials;
    used bigint; failed bigint; used_here bigint; failed_here bigint;
    oldest timestamptz; oldest_here timestamptz; allowed integer;
BEGIN
    PERFORM pg_advisory_xact_lock(1836016238, hashtext(p_host));
    DELETE FROM auth_trials t WHERE t.host = p_host
        AND COALESCE(t.failed_at, '-infinity') <= p_now - GREATEST(p_window, p_pasted_window)
        AND COALESCE(t.trial_until, '-infinity') <= p_now;
    SELECT * INTO own FROM auth_trials t WHERE t.host = p_host AND t.key = p_key;
    IF own.failed_at >= p_since AND own.failed_by <> p_asker THEN
        verdict := 'dead'; RETURN;
    END IF;
    IF own.trial_until > p_now AND own.asker <> p_asker THEN
        verdict := 'busy'; RETURN;
    END IF;
    IF p_pasted THEN
        PERFORM pg_advisory_xact_lock(1836016239, hashtext(p_organization::text));
        SELECT count(*) FILTER (WHERE t.failed_at > p_now - p_pasted_window),
               count(*), min(t.failed_at)
            INTO failed_here, used_here, oldest_here
            FROM auth_trials t WHERE t.organization_id = p_organization AND t.pasted
                AND (t.failed_at > p_now - p_pasted_window OR t.trial_until > p_now);
        IF failed_here >= p_pasted_most THEN
            verdict := 'pasted'; retry_at := oldest_here + p_pasted_window; RETURN;
        ELSIF used_here >= p_pasted_most THEN
            verdict := 'full'; RETURN;
        END IF;
    END IF;
    SELECT COALESCE(sum(f.n + f.under_way), 0), COALESCE(sum(f.n), 0),
           COALESCE(sum(f.n + f.under_way) FILTER (WHERE f.here), 0),
           COALESCE(sum(f.n) FILTER (WHERE f.here), 0),
           min(f.failed_at), min(f.failed_at) FILTER (WHERE f.here)
        INTO used, failed, used_here, failed_here, oldest, oldest_here
        FROM (SELECT t.organization_id = p_organization AS here,
                  CASE WHEN t.failed_at > p_now - p_window THEN t.failures ELSE 0 END AS n,
                  CASE WHEN t.trial_until > p_now AND t.key <> p_key THEN 1 ELSE 0 END AS under_way,
                  CASE WHEN t.failed_at > p_now - p_window THEN t.failed_at END AS failed_at
              FROM auth_trials t WHERE t.host = p_host) f;
    allowed := CASE WHEN p_proven THEN p_most ELSE p_unproven END;
    IF failed_here >= p_share THEN
        verdict := 'full'; retry_at := oldest_here + p_window; RETURN;
    ELSIF failed >= allowed THEN
        verdict := 'full'; retry_at := oldest + p_window; RETURN;
    ELSIF used_here >= p_share OR used >= allowed THEN
        verdict := 'full'; RETURN;
    END IF;
    INSERT INTO auth_trials AS t (host, key, organization_id, pasted, asker, trial_until)
        VALUES (p_host, p_key, p_organization, p_pasted, p_asker, p_now + p_lease)
        ON CONFLICT (host, key) DO UPDATE SET asker = p_asker, trial_until = p_now + p_lease;
    verdict := 'taken';
END $$;
REVOKE EXECUTE ON FUNCTION take_auth_trial FROM PUBLIC;
GRANT EXECUTE ON FUNCTION take_auth_trial TO mooring_system;

-- When the provider last took this secret, to within an hour. Its place among the failing is another
-- than that of one which never worked.
ALTER TABLE credentials ADD COLUMN proven_at timestamptz;
UPDATE credentials c SET proven_at = n.validated_at FROM connections n
    WHERE n.id = c.connection_id AND n.status = 'active' AND n.health_code = 'ok';
GRANT SELECT (proven_at), UPDATE (proven_at) ON credentials TO mooring_system;

-- Every connection has its turn to be validated by the clock as it has one to be synced.
ALTER TABLE sync_turns RENAME TO turns;
ALTER TABLE turns ADD COLUMN kind text NOT NULL DEFAULT 'sync' CHECK (kind IN ('sync', 'validation'));
ALTER TABLE turns ALTER COLUMN kind DROP DEFAULT;
ALTER TABLE turns DROP CONSTRAINT sync_turns_pkey, ADD PRIMARY KEY (connection_id, kind);
DROP INDEX sync_turns_due;
CREATE INDEX turns_due ON turns (kind, last_at, connection_id);
INSERT INTO turns (organization_id, connection_id, last_at, kind)
SELECT organization_id, id, now() - random() * interval '6 hours', 'validation' FROM connections;
