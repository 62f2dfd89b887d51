-- Third of three: takes a chosen row out of `ready`.
DELETE FROM ready WHERE priority = $1 AND vtag = $2 AND job_id = $3
