-- Jobs that ended in any way. $5: what each asks for (0 queued again, 2 succeeded, 3 failed,
-- 4 cancelled), $6: when it is due again, $7: whether the attempt counts; $14: calendar time now.
-- A rerun turns success and failure into another run, and outlasts retries, which may go on from
-- where they were; a cancellation turns another run into the end.
WITH told AS (
    SELECT a.*
    FROM unnest($1::uuid[], $2::uuid[], $3::integer[], $4::bigint[], $5::smallint[],
                $6::timestamptz[], $7::boolean[], $8::text[], $9::text[], $10::text[],
                $11::bigint[], $12::bigint[], $13::text[])
         AS a (organization_id, id, fence, lease_id, status, run_at, counted, error_code,
               error_message, result, progress_done, progress_total, progress_unit)
), ended AS (
    UPDATE jobs j
    SET status = CASE WHEN a.status = 0 THEN CASE WHEN j.cancel_requested THEN 4 ELSE 0 END
                      WHEN a.status IN (2, 3) AND j.rerun AND NOT j.cancel_requested THEN 0
                      ELSE a.status END,
        attempt = CASE WHEN a.status IN (2, 3) AND j.rerun AND NOT j.cancel_requested THEN 0
                       WHEN a.counted THEN j.attempt ELSE j.attempt - 1 END,
        run_at = CASE WHEN a.status = 0 THEN a.run_at
                      WHEN a.status IN (2, 3) AND j.rerun AND NOT j.cancel_requested THEN $14
                      ELSE j.run_at END,
        finished_at = CASE WHEN a.status = 0 AND NOT j.cancel_requested THEN NULL
                           WHEN a.status IN (2, 3) AND j.rerun AND NOT j.cancel_requested THEN NULL
                           ELSE $14 END,
        started_at = CASE WHEN a.status = 0 AND NOT a.counted AND j.attempt = 1 THEN NULL
                          ELSE j.started_at END,
        rerun = j.rerun AND a.status = 0,
        lease_id = NULL,
        error_code = a.error_code, error_message = a.error_message,
        result = COALESCE(a.result::json, j.result),
        progress_done = COALESCE(a.progress_done, j.progress_done),
        progress_total = CASE WHEN a.progress_done IS NULL THEN j.progress_total ELSE a.progress_total END,
        progress_unit = CASE WHEN a.progress_done IS NULL THEN j.progress_unit ELSE a.progress_unit END
    FROM told a
    WHERE j.organization_id = ANY (ARRAY[a.organization_id]) AND j.id = a.id
      AND j.fence = a.fence AND j.lease_id + 0 = a.lease_id AND j.status + 0 = 1
    RETURNING j.id, j.status, j.run_at
)
SELECT id AS "id!", run_at AS "run_at!" FROM ended WHERE status = 0
