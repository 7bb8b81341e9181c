"""Arrow tables as data frames, with nothing lost on the way.

pandas: text is pandas' own `str`; every other column keeps its Arrow type (`int64[pyarrow]`,
`decimal128(12, 2)[pyarrow]`, …). So decimals stay exact, whole numbers with missing values stay whole, and a column
has the same type whatever its values are, also when there are none. scikit-learn takes such numbers and decimals as
they are. Polars keeps Arrow's types by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """A pandas frame."""
    import pandas as pd  # here: slow to import, and not everybody's

    def dtype(type_: pa.DataType) -> Any:  # noqa: ANN401 - one of pandas' dtypes
        is_text = pa.types.is_string(type_) or pa.types.is_large_string(type_)
        return pd.StringDtype(na_value=np.nan) if is_text else pd.ArrowDtype(type_)

    # NOTE: pyarrow finds each column's type by its name, and names may repeat: places stand in for them.
    places = table.replace_schema_metadata(None).rename_columns([str(place) for place in range(table.num_columns)])
    frame: pd.DataFrame = places.to_pandas(types_mapper=dtype)
    frame.columns = pd.Index(table.column_names, dtype="str")
    return frame


def to_polars(table: pa.Table) -> pl.DataFrame:
    """A Polars frame.

    Raises:
        ImportError: Polars is not installed.
    """
    try:
        import polars as pl  # here: it is the caller's to install
    except ImportError:
        raise ImportError("to_polars() needs Polars: pip install polars") from None
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)  # noqa: S101 - a table becomes a frame; a Series only comes of an array
    return frame
