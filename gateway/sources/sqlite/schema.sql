-- What a SQLite file says of itself. No column begins with a null: the driver would take its type from that.

-- name: tables
SELECT t.name, t.type, coalesce(m.sql, '')
FROM pragma_table_list AS t
JOIN sqlite_schema AS m ON m.name = t.name AND m.type IN ('table', 'view')
WHERE t.schema = 'main' AND t.name NOT LIKE 'sqlite\_%' ESCAPE '\'
ORDER BY t.name

-- name: columns
SELECT t.name, c.name, coalesce(c.type, ''), c."notnull", c.pk
FROM pragma_table_list AS t
CROSS JOIN pragma_table_xinfo(t.name, 'main') AS c
WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite\_%' ESCAPE '\' AND c.hidden <> 1
ORDER BY t.name, c.cid

-- name: view_columns
SELECT name, coalesce(type, ''), "notnull" FROM pragma_table_xinfo(?, 'main') ORDER BY cid

-- name: unique
SELECT t.name, i.name, coalesce(c.name, '')
FROM pragma_table_list AS t
CROSS JOIN pragma_index_list(t.name, 'main') AS i
CROSS JOIN pragma_index_info(i.name, 'main') AS c
WHERE t.schema = 'main' AND t.type = 'table' AND i."unique" AND i.origin <> 'pk' AND NOT i.partial
ORDER BY t.name, i.name, c.seqno

-- name: references
SELECT t.name, f.id, f."table", f."from", coalesce(f."to", '')
FROM pragma_table_list AS t
CROSS JOIN pragma_foreign_key_list(t.name, 'main') AS f
WHERE t.schema = 'main' AND t.type = 'table'
ORDER BY t.name, f.id, f.seq

-- name: has_statistics
SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_stat1' AND type = 'table'

-- name: statistics
SELECT tbl, max(CAST(stat AS INTEGER)) FROM sqlite_stat1 WHERE tbl IS NOT NULL AND stat IS NOT NULL GROUP BY tbl
