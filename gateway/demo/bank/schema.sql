CREATE TABLE customers (
    customer_id INTEGER PRIMARY KEY, full_name TEXT NOT NULL, email TEXT NOT NULL, phone TEXT NOT NULL,
    iban TEXT NOT NULL, birth_date TEXT NOT NULL, street TEXT NOT NULL, postcode TEXT NOT NULL, city TEXT NOT NULL,
    region TEXT NOT NULL, segment TEXT NOT NULL, income DECIMAL(12,2) NOT NULL, updated_at TEXT NOT NULL
);
CREATE TABLE accounts (
    account_id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, iban TEXT NOT NULL, kind TEXT NOT NULL,
    currency TEXT NOT NULL, balance DECIMAL(14,2) NOT NULL, opened_on TEXT NOT NULL, updated_at TEXT NOT NULL
);
CREATE TABLE transactions (
    transaction_id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, customer_id INTEGER NOT NULL,
    amount DECIMAL(14,2) NOT NULL, currency TEXT NOT NULL, merchant TEXT NOT NULL, category TEXT NOT NULL,
    channel TEXT NOT NULL, counterparty_iban TEXT, reference TEXT, booked_at TEXT NOT NULL
);
CREATE TABLE loans (
    loan_id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, account_id INTEGER NOT NULL,
    amount DECIMAL(14,2) NOT NULL, term_months INTEGER NOT NULL, rate REAL NOT NULL, granted_on TEXT NOT NULL,
    loan_purpose TEXT NOT NULL, defaulted INTEGER NOT NULL
);
CREATE TABLE call_notes (
    note_id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, taken_at TEXT NOT NULL, agent TEXT NOT NULL,
    note TEXT NOT NULL
);
