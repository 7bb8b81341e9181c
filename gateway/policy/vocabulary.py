"""The words that grants are made of: roles, purposes, domains, levels.

Each reader notes every problem it meets, so that an author sees all of them at once.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, get_args

from gateway.errors import Invalid
from gateway.terms.dataset import CLASSIFICATIONS, Classification
from gateway.terms.document import Node, PolicyFiles
from gateway.terms.identity import Purpose, is_name
from gateway.terms.key import HOUSE_PROJECT
from gateway.terms.mask_reader import read_mask
from gateway.terms.mask_spec import MASK_SPECS, Family, MaskUse
from gateway.terms.policy import Level, RuleRef

CAPABILITIES: frozenset[str] = frozenset(
    {
        "access.approve",
        "audit.read",
        "dataset.erase",
        "extract.approve",
        "key.destroy",
        "key.rotate",
        "metrics.read",
        "policy.activate",
        "policy.propose",
        "policy.read",
        "subject.reidentify",
        "subject.reidentify.approve",
        "token.create",
        "token.revoke",
    }
)
"""What `may:` can name; everything else that a role can do comes from grants."""

MAX_INHERITANCE = 8
"""Links from a role to its farthest ancestor. casbin silently stops at 9: a deny beyond would not bind."""

CANONS: Mapping[str, frozenset[Family]] = MappingProxyType(
    {
        "exact": frozenset({"string", "integer", "decimal", "date", "timestamp", "binary"}),
        "integer_text": frozenset({"string", "integer", "decimal"}),
        "trim_nfc_casefold": frozenset({"string"}),
        "alnum_upper": frozenset({"string"}),
    }
)
"""How values of a domain are brought into one form, and the families that have it; a test holds masks.CANONS equal."""

Word = Literal["keep", "redact", "deny", "domain", "measure", "dimension_if_declared", "text"]
_WORDS: Mapping[Level, tuple[Word, ...]] = MappingProxyType(
    {
        Level.AGGREGATED: ("deny", "dimension_if_declared", "measure"),
        Level.PSEUDONYMIZED: ("deny", "domain", "keep", "redact", "text"),
        Level.FULL: ("deny", "keep"),
    }
)
_NEVER_KEPT: frozenset[Classification] = frozenset({"direct_identifier", "free_text"})
_DAYS = re.compile(r"([1-9]\d{0,4})d")


class Problems:
    """What is wrong, in the order of its discovery."""

    def __init__(self) -> None:
        self.found: list[Invalid] = []

    @contextlib.contextmanager
    def noted(self) -> Iterator[None]:
        """Note an Invalid that the body raises and go on after it."""
        try:
            yield
        except Invalid as error:
            self.found.append(error)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A role that a credential may carry."""

    name: str
    inherits: frozenset[str]
    """Roles whose grants, denies and capabilities it has too; direct ones only."""
    may: frozenset[str]
    """Own capabilities, without inherited ones."""
    rule: RuleRef


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """Where values join."""

    name: str
    canon: str
    mask: MaskUse
    rule: RuleRef


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LevelRule:
    """What levels.yaml says for one class at one level."""

    word: Word
    rule: RuleRef


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """All words of one bundle."""

    roles: Mapping[str, Role]
    purposes: Mapping[str, Purpose]
    purpose_rules: Mapping[str, RuleRef]
    domains: Mapping[str, Domain]
    levels: Mapping[tuple[Classification, Level], LevelRule]

    def reach(self, roles: frozenset[str]) -> frozenset[str]:
        """The roles and everything that they inherit. Undeclared roles stay: a token may carry them."""
        return _reach(roles, roles=self.roles)


def read_vocabulary(files: PolicyFiles, *, problems: Problems) -> Vocabulary:
    """Everything that reads well; what does not is noted and left out."""
    purposes: dict[str, Purpose] = {}
    purpose_rules: dict[str, RuleRef] = {}
    for name, node in _named(files.document("purposes.yaml"), what="purpose", problems=problems):
        with problems.noted():
            purposes[name] = _read_purpose(name, node=node)
            purpose_rules[name] = _ref(node, id_=name)
    domains: dict[str, Domain] = {}
    for name, node in _named(files.document("domains.yaml"), what="domain", problems=problems):
        with problems.noted():
            domains[name] = _read_domain(name, node=node)
    return Vocabulary(
        roles=_read_roles(files.document("roles.yaml"), problems=problems),
        purposes=purposes,
        purpose_rules=purpose_rules,
        domains=domains,
        levels=_read_levels(files.document("levels.yaml"), problems=problems),
    )


def _named(root: Node, *, what: str, problems: Problems) -> Iterator[tuple[str, Node]]:
    with problems.noted():
        for name, node in root.mapping().items():
            with problems.noted():
                if not is_name(name):
                    raise node.fail(f"a {what}'s name is 1..63 of a-z 0-9 -, not {name!r}")
                yield name, node


def _read_roles(root: Node, *, problems: Problems) -> Mapping[str, Role]:
    roles: dict[str, Role] = {}
    nodes = dict(_named(root, what="role", problems=problems))
    for name, node in nodes.items():
        with problems.noted():
            roles[name] = _read_role(name, node=node, known=nodes)
    for name, role in roles.items():
        with problems.noted():
            _check_inheritance(role, node=nodes[name], roles=roles)
    return roles


def _read_role(name: str, *, node: Node, known: Mapping[str, Node]) -> Role:
    fields = node.mapping(optional=frozenset({"inherits", "may"}))
    return Role(
        name=name,
        inherits=_read_words(fields.get("inherits"), allowed=known, what="role"),
        may=_read_words(fields.get("may"), allowed=sorted(CAPABILITIES), what="capability"),
        rule=_ref(node, id_=name),
    )


def _read_words(node: Node | None, *, allowed: Mapping[str, Node] | Sequence[str], what: str) -> frozenset[str]:
    words = node.sequence() if node else []
    for word in words:
        if word.text() not in allowed:
            raise word.fail(f"unknown {what} {word.text()!r}; allowed: {', '.join(allowed)}")
    return frozenset(word.text() for word in words)


def _check_inheritance(role: Role, *, node: Node, roles: Mapping[str, Role]) -> None:
    reached, depth = frozenset({role.name}), 0
    while True:
        parents = {p for name in reached if name in roles for p in roles[name].inherits}
        if role.name in parents:
            raise node.fail(f"role {role.name} inherits from itself")
        if parents <= reached:
            return
        reached, depth = reached | parents, depth + 1
        if depth > MAX_INHERITANCE:
            raise node.fail(f"role {role.name} has more than {MAX_INHERITANCE} generations of ancestors")


def _reach(names: frozenset[str], *, roles: Mapping[str, Role]) -> frozenset[str]:
    reached = names
    while True:
        wider = reached.union(*(roles[name].inherits for name in reached if name in roles))
        if wider == reached:
            return reached
        reached = wider


def _read_purpose(name: str, *, node: Node) -> Purpose:
    fields = node.mapping(
        required=frozenset({"project", "legal_basis", "owner", "retention"}), optional=frozenset({"extracts"})
    )
    if not is_name(fields["project"].text()):
        raise fields["project"].fail("a project's name is 1..63 of a-z 0-9 -")
    if fields["project"].text() == HOUSE_PROJECT:
        raise fields["project"].fail(f"project {HOUSE_PROJECT} is the gateway's own: name another")
    days = _DAYS.fullmatch(str(fields["retention"].value))
    if days is None:
        raise fields["retention"].fail("a retention is a number of days: 365d")
    if "extracts" in fields and fields["extracts"].value != "approved":
        raise fields["extracts"].fail("the only word here is `approved`: extracts wait for a second person")
    return Purpose(
        name=name,
        project=fields["project"].text(),
        legal_basis=fields["legal_basis"].text(),
        owner=fields["owner"].text(),
        retention_days=int(days[1]),
        approves_extracts="extracts" in fields,
    )


def _read_domain(name: str, *, node: Node) -> Domain:
    fields = node.mapping(required=frozenset({"canon", "mask"}), optional=frozenset())
    canon = fields["canon"].text()
    if canon not in CANONS:
        raise fields["canon"].fail(f"unknown canon {canon!r}; allowed: {', '.join(CANONS)}")
    mask = read_mask(fields["mask"])
    if "value" in MASK_SPECS[mask.name].leaks_with(mask.parameters):
        raise fields["mask"].fail(f"{mask.name} would show the identifiers of this domain at the pseudonymized level")
    if MASK_SPECS[mask.name].keyed_by == "subject":
        raise fields["mask"].fail(f"{mask.name} is no default (T8): give single columns this mask in the catalog")
    return Domain(name=name, canon=canon, mask=mask, rule=_ref(node, id_=name))


def _read_levels(root: Node, *, problems: Problems) -> Mapping[tuple[Classification, Level], LevelRule]:
    rules: dict[tuple[Classification, Level], LevelRule] = {}
    with problems.noted():
        # Every class at every level: a gap would need a default, and a default is a rule nobody reviewed.
        classes = root.mapping(required=frozenset(CLASSIFICATIONS), optional=frozenset())
        for class_ in CLASSIFICATIONS:
            with problems.noted():
                words = classes[class_].mapping(required=frozenset(Level), optional=frozenset())
                for level in Level:
                    with problems.noted():
                        rules[class_, level] = _read_word(words[level], class_=class_, level=level)
    return rules


def _read_word(node: Node, *, class_: Classification, level: Level) -> LevelRule:
    text = node.text()
    word = next((word for word in get_args(Word) if word == text), None)
    if word is None or word not in _WORDS[level]:
        raise node.fail(f"{text!r} is not offered at the {level} level; allowed: {', '.join(_WORDS[level])}")
    if word == "keep" and level is not Level.FULL and class_ in _NEVER_KEPT:
        raise node.fail(f"keep would show every {class_} at the {level} level")
    if word == "text" and class_ != "free_text":
        raise node.fail(f"text is for free_text, whose words are read, and not for {class_}")
    return LevelRule(word=word, rule=_ref(node, id_=f"{class_} × {level}"))


def _ref(node: Node, *, id_: str) -> RuleRef:
    return RuleRef(file=node.file, line=node.line, id=id_)
