CREATE UNIQUE INDEX customers_email ON customers (email);
CREATE UNIQUE INDEX accounts_iban ON accounts (iban);
CREATE INDEX accounts_customer ON accounts (customer_id);
CREATE INDEX transactions_customer ON transactions (customer_id);
CREATE INDEX transactions_booked ON transactions (booked_at);
CREATE INDEX loans_customer ON loans (customer_id);
CREATE INDEX call_notes_customer ON call_notes (customer_id);
