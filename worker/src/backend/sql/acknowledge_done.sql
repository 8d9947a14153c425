-- Jobs that ended well and have nothing to say. `+ 0` keeps the planner off the partial indexes,
-- which look empty to it: a scan of all running jobs per row made seven rows take seconds. And
-- `= ANY (ARRAY[…])` denies it a merge by the leading column, for whose sake it would read the whole
-- primary key where the table was empty when last analyzed. So in every statement here.
WITH ended AS (
    UPDATE jobs j
    SET status = CASE WHEN j.rerun AND NOT j.cancel_requested THEN 0 ELSE 2 END,
        attempt = CASE WHEN j.rerun AND NOT j.cancel_requested THEN 0 ELSE j.attempt END,
        run_at = CASE WHEN j.rerun AND NOT j.cancel_requested THEN $5 ELSE j.run_at END,
        finished_at = CASE WHEN j.rerun AND NOT j.cancel_requested THEN NULL ELSE $5 END,
        rerun = false, lease_id = NULL, error_code = NULL, error_message = NULL
    FROM unnest($1::uuid[], $2::uuid[], $3::integer[], $4::bigint[])
         AS a (organization_id, id, fence, lease_id)
    WHERE j.organization_id = ANY (ARRAY[a.organization_id]) AND j.id = a.id
      AND j.fence = a.fence AND j.lease_id + 0 = a.lease_id AND j.status + 0 = 1
    RETURNING j.id, j.status
)
SELECT id AS "id!" FROM ended WHERE status = 0
