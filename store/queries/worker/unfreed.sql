-- Workers with lives that are over and may still hold jobs, each with the last such life.
SELECT name, through AS "through!: i64"
FROM   (SELECT name, freed_epoch, CASE WHEN ended_at_ms IS NULL THEN epoch - 1 ELSE epoch END AS through FROM worker) AS lives
WHERE  freed_epoch < through
ORDER  BY name
