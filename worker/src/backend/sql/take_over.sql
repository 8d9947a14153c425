-- Running jobs whose lease has no row. Ids of leases are never used twice and a lease is committed
-- before its first claim, so such a job has no holder, whenever it was claimed. Read between the
-- ids of standing leases: theirs have a dead entry for each job they ever ran. The update demands
-- the lease that was read: the job may be claimed anew by the time it is locked.
WITH standing AS (
    SELECT l.id, lead(l.id, 1, 9223372036854775807) OVER (ORDER BY l.id) AS next
    FROM (SELECT 0::bigint AS id UNION ALL SELECT id FROM job_leases) l
), lost AS MATERIALIZED (
    SELECT found.organization_id, found.id, found.lease_id
    FROM standing
    CROSS JOIN LATERAL (
        SELECT j.organization_id, j.id, j.lease_id
        FROM jobs j
        WHERE j.status = 1 AND j.lease_id > standing.id AND j.lease_id < standing.next
        LIMIT 1000
    ) found
    ORDER BY found.organization_id, found.id
    LIMIT 1000
)
UPDATE jobs j
SET status = CASE WHEN j.cancel_requested THEN 4
                  WHEN j.attempt >= j.max_attempts AND NOT j.rerun THEN 3
                  ELSE 0 END,
    attempt = CASE WHEN j.attempt >= j.max_attempts AND j.rerun AND NOT j.cancel_requested THEN 0
                   ELSE j.attempt END,
    finished_at = CASE WHEN j.cancel_requested OR (j.attempt >= j.max_attempts AND NOT j.rerun)
                       THEN $1::timestamptz END,
    rerun = j.rerun AND j.attempt < j.max_attempts, lease_id = NULL,
    error_code = 'worker_lost',
    error_message = 'The worker that ran this job stopped answering before the job ended.'
FROM lost
WHERE j.organization_id = ANY (ARRAY[lost.organization_id]) AND j.id = lost.id
  AND j.lease_id + 0 = lost.lease_id AND j.status + 0 = 1
RETURNING j.status
