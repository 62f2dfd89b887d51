-- Nothing to change: here the time of the database has always been an expression. The numbers of both databases stay the same.
SELECT 1;
