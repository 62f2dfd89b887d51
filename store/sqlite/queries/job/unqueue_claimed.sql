-- Third of three: takes the chosen rows, an array of arrays, out of `ready`.
DELETE FROM ready
WHERE  (priority, vtag, job_id) IN
       (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each($1))
