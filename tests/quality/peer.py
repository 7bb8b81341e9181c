"""Presidio as its documentation sets it up, offline: an explicit engine over installed models."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import tldextract
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import NlpEngineProvider

from gateway.recognition import ner


def analyzer(models: Mapping[str, str]) -> AnalyzerEngine:
    """An engine with all of Presidio's own recognizers for the languages, each with its model.

    Args:
        models: package by language.
    """
    # Presidio's e-mail recognizer asks the network for a list of suffixes on first use; the one in the package serves.
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    tldextract.extract = tldextract.tldextract.TLD_EXTRACTOR
    named = [{"lang_code": language, "model_name": str(ner._folder(package))} for language, package in models.items()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        engine = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": named}).create_engine()
        return AnalyzerEngine(nlp_engine=engine, supported_languages=list(models))
