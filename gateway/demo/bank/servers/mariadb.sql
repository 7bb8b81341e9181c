CREATE TABLE made_by_gateway_demo (made_at timestamp NOT NULL DEFAULT current_timestamp);
CREATE TABLE customers (
    customer_id bigint PRIMARY KEY, full_name varchar(100) NOT NULL, email varchar(120) NOT NULL,
    phone varchar(30) NOT NULL, iban varchar(34) NOT NULL, birth_date date NOT NULL, street varchar(120) NOT NULL,
    postcode varchar(12) NOT NULL, city varchar(60) NOT NULL, region char(2) NOT NULL, segment varchar(20) NOT NULL,
    income decimal(12,2) NOT NULL, updated_at datetime(6) NOT NULL
);
CREATE TABLE accounts (
    account_id bigint PRIMARY KEY, customer_id bigint NOT NULL, iban varchar(34) NOT NULL, kind varchar(20) NOT NULL,
    currency char(3) NOT NULL, balance decimal(14,2) NOT NULL, opened_on date NOT NULL, updated_at datetime(6) NOT NULL
);
CREATE TABLE transactions (
    transaction_id bigint PRIMARY KEY, account_id bigint NOT NULL, customer_id bigint NOT NULL,
    amount decimal(14,2) NOT NULL, currency char(3) NOT NULL, merchant varchar(100) NOT NULL,
    category varchar(20) NOT NULL, channel varchar(20) NOT NULL, counterparty_iban varchar(34), reference text,
    booked_at datetime(6) NOT NULL
);
CREATE TABLE loans (
    loan_id bigint PRIMARY KEY, customer_id bigint NOT NULL, account_id bigint NOT NULL,
    amount decimal(14,2) NOT NULL, term_months integer NOT NULL, rate double NOT NULL,
    granted_on date NOT NULL, loan_purpose varchar(20) NOT NULL, defaulted boolean NOT NULL
);
CREATE TABLE call_notes (
    note_id bigint PRIMARY KEY, customer_id bigint NOT NULL, taken_at datetime(6) NOT NULL, agent varchar(20) NOT NULL,
    note text NOT NULL
);
