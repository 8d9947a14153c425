-- Running jobs whose lease has no row. Ids of leases are never used twice and a lease is committed
-- before its first claim, so such a job has no holder, whenever it was claimed.
WITH RECURSIVE holder AS (
    (SELECT j.lease_id FROM jobs j WHERE j.status = 1 ORDER BY j.lease_id LIMIT 1)
    UNION ALL
    SELECT (SELECT j.lease_id FROM jobs j
            WHERE j.status = 1 AND j.lease_id > holder.lease_id
            ORDER BY j.lease_id LIMIT 1)
    FROM holder
    WHERE holder.lease_id IS NOT NULL
), lost AS MATERIALIZED (
    SELECT j.organization_id, j.id
    FROM holder
    JOIN jobs j ON j.lease_id = holder.lease_id AND j.status = 1
    WHERE NOT EXISTS (SELECT FROM job_leases l WHERE l.id = holder.lease_id)
    LIMIT 1000
    FOR UPDATE OF j SKIP LOCKED
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
WHERE j.organization_id = lost.organization_id AND j.id = lost.id AND j.status + 0 = 1
RETURNING j.status
