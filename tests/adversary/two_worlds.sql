-- Queries of all shapes, one a paragraph. Ana asks each in two worlds that differ only in what she may not see.
-- Answers, errors, headers, plans and the SQL that the source gets must be equal to the byte.

SELECT * FROM core.customers

SELECT * FROM core.accounts

SELECT * FROM core.transactions

SELECT * FROM core.loans

SELECT customer_id, email, income FROM core.customers ORDER BY customer_id

SELECT customer_id FROM core.customers ORDER BY email DESC LIMIT 3

SELECT customer_id FROM core.customers LIMIT 5

SELECT email FROM core.customers OFFSET 2 LIMIT 2

SELECT count(*) FROM core.customers

SELECT count(*) FROM core.customers WHERE full_name IS NULL

SELECT count(*), count(email), count(DISTINCT iban), count(phone) FROM core.customers

SELECT region, count(*) FROM core.customers GROUP BY region

SELECT region, avg(income), min(income), max(income), sum(income) FROM core.customers GROUP BY 1 ORDER BY 1

SELECT segment, region, count(*) AS n FROM core.customers GROUP BY segment, region HAVING count(*) > 1 ORDER BY n DESC, 1, 2

SELECT min(customer_id), max(email), min(birth_date), max(street) FROM core.customers

SELECT full_name FROM core.customers WHERE email = 'zqx-email-000001@bank.example'

SELECT customer_id FROM core.customers WHERE customer_id = 770000000

SELECT customer_id FROM core.customers WHERE customer_id IN (770000000, 770000037, 900000001)

SELECT region FROM core.customers WHERE iban LIKE 'ZQX%'

SELECT region FROM core.customers WHERE email LIKE '%bank.example'

SELECT income FROM core.customers WHERE birth_date > DATE '1960-06-15'

SELECT income FROM core.customers WHERE birth_date BETWEEN DATE '1950-01-01' AND DATE '1970-12-31' ORDER BY income

SELECT customer_id AS x, upper(email) AS u, substr(iban, 1, 4) AS s, email || '-' || iban AS c FROM core.customers

SELECT length(email), length(iban), length(full_name) FROM core.customers

SELECT CAST(email AS INTEGER) FROM core.customers

SELECT CAST(customer_id AS BIGINT) + 1 FROM core.customers

SELECT 1 / (extract(year FROM birth_date) - 1948) FROM core.customers

SELECT income / (income - income) FROM core.customers WHERE income IS NOT NULL

SELECT * FROM (SELECT email AS e, region AS r FROM core.customers) AS d WHERE d.r = 'DE'

WITH c AS (SELECT customer_id, email FROM core.customers) SELECT a.email, b.email FROM c AS a JOIN c AS b ON a.customer_id = b.customer_id

WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4) SELECT n.i, c.region FROM n JOIN core.customers AS c ON c.segment = 'retail' ORDER BY 1, 2

SELECT c.region, count(*) FROM core.customers AS c JOIN core.accounts AS a ON a.customer_id = c.customer_id GROUP BY c.region ORDER BY 1

SELECT c.email, a.iban FROM core.customers AS c JOIN core.accounts AS a USING (customer_id)

SELECT c.email, a.kind FROM core.customers AS c LEFT JOIN core.accounts AS a ON a.customer_id = c.customer_id AND a.kind = 'card'

SELECT c.email, a.balance FROM core.customers AS c JOIN core.accounts AS a ON a.iban = c.iban

SELECT a.account_id, c.region FROM core.accounts AS a FULL OUTER JOIN core.customers AS c ON c.customer_id = a.customer_id

SELECT a.account_id FROM core.accounts AS a WHERE a.customer_id NOT IN (SELECT c.customer_id FROM core.customers AS c)

SELECT a.account_id FROM core.accounts AS a WHERE NOT EXISTS (SELECT 1 FROM core.customers AS c WHERE c.customer_id = a.customer_id)

SELECT t.transaction_id FROM core.transactions AS t LEFT JOIN core.customers AS c ON c.customer_id = t.customer_id WHERE c.customer_id IS NULL

SELECT c.email FROM core.customers AS c WHERE EXISTS (SELECT 1 FROM core.loans AS l WHERE l.customer_id = c.customer_id AND l.defaulted)

SELECT c.email, (SELECT count(*) FROM core.accounts AS a WHERE a.customer_id = c.customer_id) AS n FROM core.customers AS c

SELECT email FROM core.customers UNION SELECT iban FROM core.accounts

SELECT email FROM core.customers UNION ALL SELECT email FROM core.customers

SELECT iban FROM core.accounts EXCEPT SELECT iban FROM core.customers

SELECT iban FROM core.accounts INTERSECT SELECT iban FROM core.customers

SELECT customer_id, row_number() OVER (PARTITION BY region ORDER BY income) AS rn FROM core.customers

SELECT customer_id, row_number() OVER () AS rn FROM core.customers

SELECT account_id, sum(amount) OVER (PARTITION BY account_id ORDER BY booked_at ROWS UNBOUNDED PRECEDING) FROM core.transactions

SELECT customer_id, income FROM core.customers QUALIFY rank() OVER (PARTITION BY segment ORDER BY income DESC NULLS LAST) = 1

SELECT DISTINCT city FROM core.customers

SELECT DISTINCT ON (segment) segment, customer_id, income FROM core.customers ORDER BY segment, income DESC

SELECT string_agg(email, ',' ORDER BY email) FROM core.customers

SELECT array_agg(customer_id ORDER BY customer_id) FROM core.customers

SELECT CASE WHEN email = 'zqx-email-000000@bank.example' THEN 1 ELSE 0 END AS hit FROM core.customers

SELECT count(*) FILTER (WHERE defaulted), avg(rate) FROM core.loans

SELECT l.loan_purpose, count(*), avg(CASE WHEN l.defaulted THEN 1.0 ELSE 0.0 END) FROM core.loans AS l GROUP BY 1 ORDER BY 1

SELECT c.region, l.n FROM core.customers AS c, LATERAL (SELECT count(*) AS n FROM core.accounts AS a WHERE a.customer_id = c.customer_id) AS l

SELECT v.s, c.region FROM core.customers AS c JOIN (VALUES ('ZQXIBAN000000'), ('ZQXIBAN000001')) AS v(s) ON c.iban = v.s

SELECT category, count(*) FROM core.transactions WHERE reference LIKE '%ZQX%' GROUP BY category

SELECT merchant, sum(amount) FROM core.transactions GROUP BY merchant ORDER BY 2 DESC

SELECT counterparty_iban, count(*) FROM core.transactions GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10

SELECT date_trunc('month', booked_at) AS m, count(*), sum(amount) FROM core.transactions GROUP BY 1 ORDER BY 1

SELECT t.amount, c.income FROM core.transactions AS t JOIN core.customers AS c ON c.customer_id = t.customer_id WHERE t.channel = 'card' ORDER BY t.amount LIMIT 7

SELECT avg(balance), stddev(balance) FROM core.accounts WHERE kind = 'savings'

SELECT coalesce(full_name, email, 'none') FROM core.customers

SELECT nullif(region, 'DE'), greatest(segment, region) FROM core.customers

SELECT birth_date, count(*) FROM core.customers GROUP BY birth_date ORDER BY 1

SELECT opened_on - birth_date FROM core.customers AS c JOIN core.accounts AS a ON a.customer_id = c.customer_id

SELECT sum(length(email)) FROM core.customers WHERE income > 50000

SELECT * FROM core.customers WHERE updated_at > TIMESTAMP '2022-01-01 00:00:00' ORDER BY updated_at

SELECT note FROM core.call_notes

SELECT nothing FROM core.customers

SELECT * FROM core.nothing

SELECT email FROM core.customers; SELECT 1

SELECT repeat(email, 100000000) FROM core.customers

SELECT * FROM read_csv('/etc/passwd')
