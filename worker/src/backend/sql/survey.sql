-- Every lane with its oldest queued job, by hopping through the index: one probe per lane.
WITH RECURSIVE lane AS (
    (SELECT j.organization_id, j.lane_connection AS connection,
            j.priority, j.long, j.run_at, j.id
     FROM jobs j
     WHERE j.status = 0
     ORDER BY 1, 2, 3, 4, 5, 6
     LIMIT 1)
    UNION ALL
    SELECT next.*
    FROM lane
    CROSS JOIN LATERAL (
        SELECT j.organization_id, j.lane_connection,
               j.priority, j.long, j.run_at, j.id
        FROM jobs j
        WHERE j.status = 0
          AND (j.organization_id, j.lane_connection,
               j.priority, j.long) > (lane.organization_id, lane.connection, lane.priority, lane.long)
        ORDER BY 1, 2, 3, 4, 5, 6
        LIMIT 1
    ) next
)
SELECT organization_id AS "organization_id!", connection AS "connection!", priority AS "priority!",
       long AS "long!", run_at AS "run_at!", id AS "id!"
FROM lane
