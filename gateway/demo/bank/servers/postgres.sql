CREATE TABLE made_by_gateway_demo (made_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE customers (
    customer_id bigint PRIMARY KEY, full_name text NOT NULL, email text NOT NULL, phone text NOT NULL,
    iban text NOT NULL, birth_date date NOT NULL, street text NOT NULL, postcode text NOT NULL, city text NOT NULL,
    region text NOT NULL, segment text NOT NULL, income numeric(12,2) NOT NULL, updated_at timestamptz NOT NULL
);
CREATE TABLE accounts (
    account_id bigint PRIMARY KEY, customer_id bigint NOT NULL, iban text NOT NULL, kind text NOT NULL,
    currency text NOT NULL, balance numeric(14,2) NOT NULL, opened_on date NOT NULL, updated_at timestamptz NOT NULL
);
CREATE TABLE transactions (
    transaction_id bigint PRIMARY KEY, account_id bigint NOT NULL, customer_id bigint NOT NULL,
    amount numeric(14,2) NOT NULL, currency text NOT NULL, merchant text NOT NULL, category text NOT NULL,
    channel text NOT NULL, counterparty_iban text, reference text, booked_at timestamptz NOT NULL
);
CREATE TABLE loans (
    loan_id bigint PRIMARY KEY, customer_id bigint NOT NULL, account_id bigint NOT NULL,
    amount numeric(14,2) NOT NULL, term_months integer NOT NULL, rate double precision NOT NULL,
    granted_on date NOT NULL, loan_purpose text NOT NULL, defaulted boolean NOT NULL
);
CREATE TABLE call_notes (
    note_id bigint PRIMARY KEY, customer_id bigint NOT NULL, taken_at timestamptz NOT NULL, agent text NOT NULL,
    note text NOT NULL
);
