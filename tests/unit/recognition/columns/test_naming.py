"""What names of columns promise, in nine languages, cut short, compounded and without vowels."""

from __future__ import annotations

import pytest

from gateway.errors import Invalid
from gateway.recognition.columns.lexicon import DEFAULT
from gateway.recognition.columns.naming import meaning

NAMES = {
    "customer": "kdnr cust_no CustomerID KUNNR klantnummer cislo_klienta nr_klienta codice_cliente x_kd_nr clientNo"
    " pelnomocnik gemachtigde",
    "first_name": "vorname vorn prenom imie voornaam fld_vorname frstnm krestni_jmeno FirstName primer_nombre",
    "last_name": "nachn cognome apellido1 nazw prijm achternaam lstNm surname nom_famille",
    "birth_date": "gebdat geb_datum dob datnaiss fecha_nac data_urodzenia brthDt dateOfBirth geboortedatum",
    "email": "x_mail eMailAddress courriel correo_electronico emailadres email_1",
    "phone": "tel telefon2 mobile_no nr_tel cellulare telefono handy",
    "iban": "IBANNumber account_iban iban_nr",
    "national_id": "steuer_id cod_fisc r_cislo pesel bsn ssn nir num_secu nif",
    "account": "acct_no kontonr cislo_uctu bank_account_number CUST_AC_NO nr_rachunku num_cuenta",
    "contract": "loanNo vertragsnr cislo_smlouvy num_contrato policy_number",
    "postcode": "plz zip_cd code_postal psc kod_pocztowy cp",
    "city": "ort wohnort ville ciudad comune mesto miasto woonplaats",
    "gender": "sex geschl sexe plec pohlavi geslacht gndr anrede",
    "person": "jmeno_majitele clientNames",
    "marital": "fam_stand etat_civil estado_civil stan_cywilny rodinny_stav maritalStatus",
    "income": "annual_income eink gehalt revenu_mensuel dochod mzda reddito salary_class slry",
    "balance": "bal saldo_kto zustatek LCY_CURR_BALANCE kontostand solde",
    "religion": "konfession religion vyznani geloof",
    "risk": "cirbe fichage_ficp komornik bkr_code centrale_rischi",
    "aml": "pep_flag sanctions_hit is_fraud kyc_level",
    "note": "bemerkung verwendungszweck comments poznamka libelle opmerking",
    "currency": "ccy_cd waehrung devise mena waluta",
}
ABOUT = {
    "category": "address_type_id account_type email_verified card_type",
    "timestamp": "loan_date card_exp_date booked_at customer_since datum_zalozeni",
    "organisation": "branch_id merchant_name nom_produit filiale_nr",
    "flag": "is_active has_app",
}


@pytest.mark.parametrize(
    ("name", "kind"), [(name, kind) for kind, names in (NAMES | ABOUT).items() for name in names.split()]
)
def test_a_name_says_its_kind(name: str, kind: str) -> None:
    found = meaning(name, DEFAULT)
    assert found
    assert found.kind == kind


@pytest.mark.parametrize("name", ["", "_", "col17", "A11", "xqzw", "\x00", "x" * 5_000])
def test_a_name_of_nothing_known_says_nothing(name: str) -> None:
    assert meaning(name, DEFAULT) is None


def test_accents_and_case_are_free() -> None:
    names = ("Geschäftsführer_Straße", "GESCHAEFTSFUEHRER_STRASSE", "geschaftsfuhrerStrasse", "příjmení", "PRIJMENI")
    kinds = [found.kind for name in names if (found := meaning(name, DEFAULT))]
    assert kinds == ["address", "address", "address", "last_name", "last_name"]


def test_a_letter_is_not_what_was_cut_off() -> None:
    found = meaning("disp_id", DEFAULT)
    assert found
    assert found.kind == "identifier"


def test_an_unknown_word_beside_a_flag_is_told() -> None:
    known, unknown = meaning("active_flag", DEFAULT), meaning("xqzw_flag", DEFAULT)
    assert known
    assert unknown
    assert (known.is_partly, unknown.is_partly) == (False, True)


def test_letters_that_a_house_puts_before_all_names_are_no_unknown_word() -> None:
    found = meaning("fld_active", DEFAULT)
    assert found
    assert not found.is_partly


def test_a_site_adds_words_and_kinds() -> None:
    text = "loyalty: {class: quasi_identifier, words: [treuepunkte, bonus_pkt]}\ncustomer: {words: [rahmen_nr, ort]}"
    lexicon = DEFAULT.extended(text)
    umlaut = meaning("rueckpraemie", DEFAULT.extended("amount: {words: [Rückprämie]}"))
    assert umlaut
    assert umlaut.kind == "amount"
    kinds = {name: found.kind for name in ("bonusPkt", "rahmen_nr", "ort", "plz") if (found := meaning(name, lexicon))}
    assert kinds == {"bonusPkt": "loyalty", "rahmen_nr": "customer", "ort": "customer", "plz": "postcode"}
    before = meaning("ort", DEFAULT)
    assert before
    assert before.kind == "city"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("- a", "invalid.lexicon.shape"),
        ("a: [", "invalid.lexicon.yaml"),
        ("a: b", "invalid.lexicon.shape"),
        ("neu: {words: [a]}", "invalid.lexicon.class"),
        ("neu: {class: secret, words: [a]}", "invalid.lexicon.class"),
        ("email: {words: brief}", "invalid.lexicon.words"),
        ("email: {words: [b*]}", "invalid.lexicon.words"),
        ("email: {words: ['']}", "invalid.lexicon.words"),
    ],
)
def test_a_lexicon_that_cannot_be_is_refused(text: str, code: str) -> None:
    with pytest.raises(Invalid) as error:
        DEFAULT.extended(text)
    assert error.value.code == code
