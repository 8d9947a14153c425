-- Jobs under our own lease that we do not hold: the answer to their claim was lost.
WITH stray AS MATERIALIZED (
    SELECT j.organization_id, j.id
    FROM jobs j
    WHERE j.status = 1 AND j.lease_id = $1 AND NOT (j.id = ANY ($2::uuid[]))
    LIMIT 1000
    FOR UPDATE SKIP LOCKED
)
UPDATE jobs j
SET status = 0, attempt = j.attempt - 1, lease_id = NULL
FROM stray
WHERE j.organization_id = ANY (ARRAY[stray.organization_id]) AND j.id = stray.id AND j.status + 0 = 1
