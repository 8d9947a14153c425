-- By primary key, not by lease: every claim leaves a dead entry in the index by lease, and while an
-- old snapshot stands, a look several times a second would walk over all of them.
SELECT j.id, j.fence
FROM unnest($1::uuid[], $2::uuid[], $3::integer[]) AS a (organization_id, id, fence)
JOIN jobs j ON j.organization_id = ANY (ARRAY[a.organization_id]) AND j.id = a.id
WHERE j.fence = a.fence AND j.status + 0 = 1 AND j.cancel_requested
