"""An embedded bank: a SQLite file that looks like production, of any size, and the same for the same seed.

Eight countries, names with diacritics and names that are words, valid IBANs, salaries on paydays, loans that fail for
reasons a model can find, notes that mention their customer in every way. No real person, no real account.
"""

from gateway.demo.bank.build import BankSummary, build_bank
from gateway.demo.bank.load import drop_bank, load_bank

__all__ = ["BankSummary", "build_bank", "drop_bank", "load_bank"]
