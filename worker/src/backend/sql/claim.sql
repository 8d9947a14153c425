-- Lanes of jobs without a connection. $1–$7: lanes, where each is to be read from, how many.
-- $8: calendar time now, $9: our lease.
WITH picked AS MATERIALIZED (
    SELECT q.organization_id, q.id
    FROM unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::boolean[], $5::timestamptz[],
                $6::uuid[], $7::bigint[])
         AS lane (organization_id, connection, priority, long, run_at, id, quota)
    CROSS JOIN LATERAL (
        SELECT j.organization_id, j.id
        FROM jobs j
        WHERE j.status = 0
          AND j.organization_id = lane.organization_id
          AND j.lane_connection = lane.connection
          AND j.priority = lane.priority
          AND j.long = lane.long
          AND (j.run_at, j.id) >= (lane.run_at, lane.id)
          AND j.run_at <= $8
        ORDER BY j.run_at, j.id
        LIMIT lane.quota
        FOR UPDATE SKIP LOCKED
    ) q
)
UPDATE jobs j
SET status = 1, lease_id = $9, fence = j.fence + 1, attempt = j.attempt + 1, started_at = $8
FROM picked
WHERE j.organization_id = ANY (ARRAY[picked.organization_id]) AND j.id = picked.id
RETURNING j.organization_id, j.id, j.connection_id, j.repository_id, j.kind, j.priority, j.long,
          j.connection_limit IS NOT NULL AS "limited!", j.attempt, j.max_attempts, j.fence,
          j.run_at, j.payload AS "payload: Json<Box<RawValue>>",
          j.requested_by AS "requested_by: Json<Box<RawValue>>"
