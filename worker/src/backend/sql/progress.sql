UPDATE jobs j
SET progress_done = a.done, progress_total = a.total, progress_unit = a.unit
FROM unnest($1::uuid[], $2::uuid[], $3::integer[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[])
     AS a (organization_id, id, fence, lease_id, done, total, unit)
WHERE j.organization_id = ANY (ARRAY[a.organization_id]) AND j.id = a.id
  AND j.fence = a.fence AND j.lease_id + 0 = a.lease_id AND j.status + 0 = 1
