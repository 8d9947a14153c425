SELECT j.id, j.fence FROM jobs j WHERE j.status = 1 AND j.lease_id = $1 AND j.cancel_requested
