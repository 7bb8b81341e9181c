-- What a DuckDB file says of itself, attached under a name. Views are as they were bound when they were made.

-- name: tables
SELECT schema_name, table_name, coalesce(comment, ''), estimated_size FROM duckdb_tables()
WHERE database_name = ? AND NOT internal AND NOT temporary

-- name: views
SELECT schema_name, view_name, coalesce(comment, ''), coalesce(sql, '') FROM duckdb_views()
WHERE database_name = ? AND NOT internal AND NOT temporary

-- name: columns
SELECT schema_name, table_name, column_name, data_type, is_nullable, coalesce(comment, '') FROM duckdb_columns()
WHERE database_name = ? AND NOT internal
ORDER BY schema_name, table_name, column_index
LIMIT 500001

-- name: constraints
SELECT
    schema_name, table_name, constraint_type, constraint_column_names, coalesce(referenced_table, ''),
    referenced_column_names
FROM duckdb_constraints()
WHERE database_name = ? AND constraint_type IN ('PRIMARY KEY', 'UNIQUE', 'FOREIGN KEY')
ORDER BY schema_name, table_name, constraint_index
