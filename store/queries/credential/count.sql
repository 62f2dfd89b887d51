-- How many credentials a tenant has beside one name, and how many of that name: none or one.
SELECT count(CASE WHEN name <> $2 THEN 1 END) AS "others!: i64", count(CASE WHEN name = $2 THEN 1 END) AS "same!: i64"
FROM   credential
WHERE  tenant_id = $1
