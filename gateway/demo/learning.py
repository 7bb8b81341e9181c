"""The demo's model: who will not repay. Trained on an extract, and for comparison on raw rows of the embedded bank."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import numpy.typing as npt

REGIONS: Final = ("DE", "FR")
"""Those that Ana's grant shows; the comparison learns from the same rows."""
_FOLDS: Final = 10
_FEWEST: Final = 20
_SEED: Final = 7

RAW: Final = """
    SELECT c.income, l.amount, l.term_months, l.rate, l.defaulted, a.balance, c.region, c.segment, l.loan_purpose,
           coalesce(t.fees, 0) AS fees, coalesce(t.returned, 0) AS returned
    FROM loans l
    JOIN customers c ON c.customer_id = l.customer_id
    JOIN accounts a ON a.account_id = l.account_id
    LEFT JOIN (
        SELECT customer_id, sum(category = 'fees') AS fees, sum(category = 'returned') AS returned
        FROM transactions GROUP BY customer_id
    ) t ON t.customer_id = c.customer_id
    WHERE c.region IN ('DE', 'FR')
"""


def raw_rows(bank: Path) -> pd.DataFrame:
    """The same features from production itself: what nobody in dev may do, here to compare with."""
    connection = sqlite3.connect(f"file:{bank}?mode=ro", uri=True)
    try:
        return pd.read_sql_query(RAW, connection)
    finally:
        connection.close()


def auc_of(rows: pd.DataFrame) -> float | None:
    """Train logistic regressions; the area under the ROC curve on rows that they did not see, mean of ten folds.

    None: fewer than 20 defaults, from which nothing can be learned.

    Raises:
        ImportError: scikit-learn is not installed.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features, labels = _features(rows), rows["defaulted"].astype(bool).to_numpy()
    if np.count_nonzero(labels) < _FEWEST:
        return None
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=_SEED)
    return float(cross_val_score(model, features, labels, cv=folds, scoring="roc_auc").mean())


def _features(rows: pd.DataFrame) -> npt.NDArray[np.float64]:
    income, amount, term, rate = (
        rows[name].astype(float).to_numpy() for name in ("income", "amount", "term_months", "rate")
    )
    installment = amount * rate / 12 / (1 - (1 + rate / 12) ** -term)
    behaviour = [rows[name].astype(float).to_numpy() for name in ("fees", "returned")]
    return np.column_stack([np.log(income), np.minimum(installment / (income / 12), 1.2), *behaviour])
