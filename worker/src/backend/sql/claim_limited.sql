-- Lanes of connections, whose advisory locks this transaction holds: what runs for them cannot
-- grow under us, and this statement's snapshot is younger than the locks. Parameters as claim.sql.
WITH candidate AS MATERIALIZED (
    SELECT q.organization_id, q.id, q.connection_id, q.kind, q.connection_limit, q.priority, q.run_at
    FROM unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::boolean[], $5::timestamptz[],
                $6::uuid[], $7::bigint[])
         AS lane (organization_id, connection, priority, long, run_at, id, quota)
    CROSS JOIN LATERAL (
        SELECT j.organization_id, j.id, j.connection_id, j.kind, j.connection_limit, j.priority, j.run_at
        FROM jobs j
        WHERE j.status = 0
          AND j.organization_id = lane.organization_id
          AND j.lane_connection = lane.connection
          AND j.priority = lane.priority
          AND j.long = lane.long
          AND (j.run_at, j.id) >= (lane.run_at, lane.id)
          AND j.run_at <= $8
          AND (j.connection_limit IS NULL OR j.connection_limit > (
                SELECT count(*) FROM jobs r
                WHERE r.status = 1 AND r.connection_limit IS NOT NULL
                  AND r.organization_id = j.organization_id
                  AND r.connection_id = j.connection_id AND r.kind = j.kind))
        ORDER BY j.run_at, j.id
        LIMIT lane.quota
        FOR UPDATE SKIP LOCKED
    ) q
), picked AS MATERIALIZED (
    SELECT ranked.organization_id, ranked.id
    FROM (
        SELECT c.organization_id, c.id, c.connection_limit,
               row_number() OVER (PARTITION BY c.organization_id, c.connection_id, c.kind
                                  ORDER BY c.priority, c.run_at, c.id)
               + CASE WHEN c.connection_limit IS NULL THEN 0 ELSE (
                   SELECT count(*) FROM jobs r
                   WHERE r.status = 1 AND r.connection_limit IS NOT NULL
                     AND r.organization_id = c.organization_id
                     AND r.connection_id = c.connection_id AND r.kind = c.kind) END AS place
        FROM candidate c
    ) ranked
    WHERE ranked.connection_limit IS NULL OR ranked.place <= ranked.connection_limit
)
UPDATE jobs j
SET status = 1, lease_id = $9, fence = j.fence + 1, attempt = j.attempt + 1, started_at = $8
FROM picked
WHERE j.organization_id = ANY (ARRAY[picked.organization_id]) AND j.id = picked.id
RETURNING j.organization_id, j.id, j.connection_id, j.repository_id, j.kind, j.priority, j.long,
          j.connection_limit IS NOT NULL AS "limited!", j.attempt, j.max_attempts, j.fence,
          j.run_at, j.payload AS "payload: Json<Box<RawValue>>",
          j.requested_by AS "requested_by: Json<Box<RawValue>>"
