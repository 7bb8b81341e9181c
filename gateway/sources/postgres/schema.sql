-- What PostgreSQL's own catalog says, in the snapshot, with pg_catalog alone on the search path. Nothing here takes a
-- lock on a table but `definitions`: pg_get_viewdef locks what the view reads.

-- name: tables
WITH RECURSIVE family (root, oid) AS (
    SELECT c.oid, c.oid FROM pg_class AS c WHERE c.relkind = 'p' AND NOT c.relispartition
    UNION ALL
    SELECT f.root, i.inhrelid FROM family AS f JOIN pg_inherits AS i ON i.inhparent = f.oid
),
counted (root, rows) AS (
    SELECT f.root, sum(c.reltuples) FROM family AS f JOIN pg_class AS c ON c.oid = f.oid
    WHERE c.relkind <> 'p' AND c.reltuples >= 0
    GROUP BY f.root
)
SELECT
    c.oid::bigint AS id,
    n.nspname::text AS schema,
    c.relname::text AS name,
    c.relkind::text AS kind,
    coalesce(t.rows, c.reltuples)::float8 AS rows,
    coalesce(left(d.description, 1000), '') AS comment,
    coalesce(has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT'), false) AS is_readable
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN counted AS t ON t.root = c.oid
LEFT JOIN pg_description AS d ON d.objoid = c.oid AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'

-- name: columns
WITH RECURSIVE made_of (domain, type, modifier) AS (
    SELECT t.oid, t.typbasetype, t.typtypmod FROM pg_type AS t WHERE t.typtype = 'd'
    UNION ALL
    SELECT m.domain, t.typbasetype, t.typtypmod FROM made_of AS m JOIN pg_type AS t ON t.oid = m.type
    WHERE t.typtype = 'd'
),
bases (domain, type, modifier) AS (
    SELECT m.domain, m.type, m.modifier FROM made_of AS m JOIN pg_type AS t ON t.oid = m.type WHERE t.typtype <> 'd'
)
SELECT
    c.oid::bigint AS id,
    a.attname::text AS name,
    CASE
        WHEN t.typtype = 'e' THEN 'enum'
        WHEN s.nspname = 'pg_catalog' THEN t.typname
        ELSE s.nspname || '.' || t.typname
    END::text AS type,
    CASE WHEN b.domain IS NULL THEN a.atttypmod ELSE b.modifier END AS modifier,
    format_type(a.atttypid, a.atttypmod) AS spelled,
    NOT a.attnotnull AS is_nullable,
    coalesce(left(d.description, 1000), '') AS comment,
    coalesce(has_column_privilege(c.oid, a.attnum, 'SELECT'), false) AS is_readable
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN bases AS b ON b.domain = a.atttypid
JOIN pg_type AS t ON t.oid = coalesce(b.type, a.atttypid)
JOIN pg_namespace AS s ON s.oid = t.typnamespace
LEFT JOIN pg_description AS d ON d.objoid = c.oid AND d.classoid = 'pg_class'::regclass AND d.objsubid = a.attnum
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
ORDER BY c.oid, a.attnum
LIMIT {limit}

-- name: keys
SELECT i.indrelid::bigint AS id, i.indexrelid::bigint AS key, i.indisprimary AS is_primary, a.attname::text AS name
FROM pg_index AS i
JOIN pg_class AS c ON c.oid = i.indrelid AND c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition
JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
CROSS JOIN LATERAL generate_series(0, i.indnkeyatts - 1) AS place
JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[place]
WHERE i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
ORDER BY i.indexrelid, place

-- name: references
SELECT
    k.conrelid::bigint AS id,
    k.oid::bigint AS key,
    a.attname::text AS name,
    m.nspname::text AS there_schema,
    o.relname::text AS there_table,
    b.attname::text AS there
FROM pg_constraint AS k
JOIN pg_class AS c ON c.oid = k.conrelid AND NOT c.relispartition
JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
JOIN pg_class AS o ON o.oid = k.confrelid AND NOT o.relispartition
JOIN pg_namespace AS m ON m.oid = o.relnamespace
CROSS JOIN LATERAL unnest(k.conkey) WITH ORDINALITY AS u (number, place)
JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = u.number
JOIN pg_attribute AS b ON b.attrelid = k.confrelid AND b.attnum = k.confkey[u.place]
WHERE k.contype = 'f'
ORDER BY k.oid, u.place

-- name: definitions
SELECT v.id, v.definition
FROM (
    SELECT c.oid::bigint AS id, coalesce(pg_get_viewdef(c.oid), '') AS definition
    FROM pg_class AS c
    WHERE c.oid = ANY ({views}::bigint[]::oid[])
    OFFSET 0
) AS v
WHERE length(v.definition) <= 65536

-- name: size
WITH RECURSIVE family (oid) AS (
    SELECT c.oid FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = {schema} AND c.relname = {table}
    UNION
    SELECT i.inhrelid FROM pg_inherits AS i JOIN family AS f ON i.inhparent = f.oid
)
SELECT coalesce(sum(pg_relation_size(c.oid)) / current_setting('block_size')::int, 0)::float8 AS pages
FROM family AS f
JOIN pg_class AS c ON c.oid = f.oid
WHERE c.relkind IN ('r', 'm')
