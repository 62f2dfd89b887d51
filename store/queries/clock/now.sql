-- The database's time.
SELECT now_ms AS "now_ms!: i64" FROM errand_now
