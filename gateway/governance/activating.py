"""Policy bundles: proposed by one person, looked at as a difference, activated by another (T11).

A proposal names the bundle that it was compared with. If that is no longer the active one when a second person
approves, nothing is activated: he would have looked at another difference.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, cast

from gateway import catalog, policy, query
from gateway.errors import Denied, Invalid, Unavailable
from gateway.governance.approvals import Approvals, Done, ProposalView, check_text
from gateway.governance.changes import FileChange, LevelChange, file_changes, level_changes
from gateway.governance.desk import Desk
from gateway.policy import NoDynamicGrants, PolicyDecisionPoint
from gateway.ports import GrantReader
from gateway.rooms import ActivePolicy
from gateway.store import Bundles, Proposals
from gateway.terms.audit import Actor
from gateway.terms.dataset import Datasets
from gateway.terms.document import PolicyFiles
from gateway.terms.identity import Credentials
from gateway.terms.proposal import Proposal, Verdict

MAX_FILES: Final = 512
MAX_BYTES: Final = 4 << 20
"""Of all files of a proposed bundle."""
_PATH: Final = re.compile(r"(?:[a-z]{1,32}/)?[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_READ: Final = "policy.read"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ActiveBundle:
    """What decides today."""

    digest: str
    files: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDiff:
    """A proposed bundle beside the active one."""

    active: str
    proposed: str
    """Digests."""
    files: tuple[FileChange, ...]
    levels: tuple[LevelChange, ...]
    """What roles gain or lose; by reviewed files only, dynamic grants are the same before and after."""
    warnings: tuple[str, ...]
    """Lint's, as `file:line: warning: …`."""


class PolicyAct:
    """Kind policy: an approved bundle becomes the active one."""

    capability = "policy.activate"

    def __init__(self, desk: Desk, *, proposals: Proposals, bundles: Bundles) -> None:
        self._desk = desk
        self._proposals = proposals
        self._bundles = bundles

    def summary(self, proposal: Proposal) -> str:
        """From which digest to which."""
        base, bundle = str(proposal.document["base"]), str(proposal.document["bundle"])
        return f"policy {base[:12]} → {bundle[:12]}"

    def check(self, proposal: Proposal) -> None:
        """Whether it loads, and was compared with what is active."""
        self._check_base(proposal)
        _decision_point(files_of(proposal))

    def review(self, proposal: Proposal) -> Mapping[str, object]:
        """The difference from the active bundle."""
        self._check_base(proposal)
        return {"diff": dataclasses.asdict(_compared(self._desk, self._bundles, files_of(proposal)))}

    def _check_base(self, proposal: Proposal) -> None:
        if proposal.document["base"] != self._bundles.active_digest():
            raise Denied("another bundle was activated since it was proposed", code="stale", fix="propose it again")

    def act(self, proposal: Proposal, verdict: Verdict, *, actor: Actor, now: datetime.datetime) -> Done:
        """Activate it; running accesses that were decided by the old one end at their next recheck."""
        if (before := self._proposals.acted(proposal.id)) is not None:
            return "done" if before == "done" else "stale"
        files, base = files_of(proposal), str(proposal.document["base"])
        if base != self._bundles.active_digest():
            self._proposals.close(proposal.id, outcome="stale", now=now)
            return "stale"
        _decision_point(files)  # this version of the gateway may be newer than the verdict
        detail = {"digest": files.digest, "proposal": proposal.id, "kind": proposal.kind}
        self._desk.write(actor, action="policy-activate", now=now, detail=detail)
        outcome = self._proposals.activate(proposal.id, files, base=base, by=verdict.by, now=now)
        return "done" if outcome == "done" else "stale"


class PolicyDesk:
    """Shows the active bundle, compares, and proposes another."""

    def __init__(self, desk: Desk, *, approvals: Approvals, bundles: Bundles) -> None:
        self._desk = desk
        self._approvals = approvals
        self._bundles = bundles

    def active(self, credentials: Credentials) -> ActiveBundle:
        """Its digest and its files' names."""
        self._desk.enter_with(credentials, capability=_READ)
        files = _active(self._bundles)
        return ActiveBundle(digest=files.digest, files=tuple(sorted(files.files)))

    def diff(self, credentials: Credentials, files: Mapping[str, str]) -> PolicyDiff:
        """What would change.

        Raises:
            Invalid: the files are no bundle; `reasons` are all problems, each as `file:line: …`.
        """
        self._desk.enter_with(credentials, capability=_READ)
        return _compared(self._desk, self._bundles, _checked(files))

    def diff_of(self, credentials: Credentials, proposal_id: str) -> PolicyDiff:
        """What a proposal of the caller's, or one that the caller may decide, would change.

        Raises:
            Denied: as Approvals.shown.
            Invalid: it is no policy.
        """
        view = self._approvals.shown(credentials, proposal_id)
        if view.proposal.kind != "policy":
            raise Invalid("this proposal is no policy", code="policy")
        return _compared(self._desk, self._bundles, files_of(view.proposal))

    def propose(self, credentials: Credentials, files: Mapping[str, str], *, reason: str = "") -> ProposalView:
        """Propose to activate these files.

        Raises:
            Invalid: the files are no bundle, fail their own tests, or are the active ones.
        """
        principal, now = self._desk.enter_with(credentials, capability="policy.propose")
        check_text(reason, what="a reason")
        proposed, base = _checked(files), self._bundles.active_digest()
        if proposed.digest == base:
            raise Invalid("these files are the active bundle", code="policy")
        check_bundle(proposed)
        document = {"base": base, "bundle": proposed.digest, "files": dict(proposed.files), "reason": reason}
        proposal = self._approvals.propose(principal, "policy", document)
        return self._approvals.view(principal, proposal.id, now=now)


def _active(bundles: Bundles) -> PolicyFiles:
    files = bundles.active()
    if files is None:
        raise Unavailable("no policy is activated", code="policy", fix="run `gateway init`")
    return files


def _compared(desk: Desk, bundles: Bundles, proposed: PolicyFiles) -> PolicyDiff:
    """Files by line, roles by level, and lint's warnings about the proposed one.

    Raises:
        Invalid: the proposed files are no bundle.
    """
    active, now = _active(bundles), desk.clock.now()
    before = PolicyDecisionPoint(desk.policy().pdp.bundle, grants=NoDynamicGrants())
    after = _decision_point(proposed)
    findings = policy.lint(
        proposed,
        datasets=after.bundle.datasets,
        parse_predicate=query.parse_predicate,
        read_uses=_uses_reader(after.bundle.datasets),
        now=now,
    )
    return PolicyDiff(
        active=active.digest,
        proposed=proposed.digest,
        files=file_changes(active, proposed),
        levels=level_changes(before, after, now=now),
        warnings=tuple(str(finding) for finding in findings),
    )


def check_bundle(files: PolicyFiles) -> None:
    """Load it and run its own tests.

    Raises:
        Invalid: it does not load, or decides other than its tests expect; `reasons` name file and line.
    """
    bundle = _decision_point(files).bundle
    results = policy.run_tests(bundle, files, read_uses=_uses_reader(bundle.datasets))
    if failures := tuple(failure for result in results for failure in result.failures):
        raise Invalid("the bundle fails its own tests", code="policy_tests", reasons=failures)


def files_of(proposal: Proposal) -> PolicyFiles:
    """The proposed files, which are those of the proposed digest."""
    files = PolicyFiles(cast("Mapping[str, Any]", proposal.document)["files"])
    if files.digest != proposal.document["bundle"]:
        raise Invalid("the proposed files are not those of the digest", code="policy")
    return files


def _checked(files: Mapping[str, str]) -> PolicyFiles:
    if not files or len(files) > MAX_FILES:
        raise Invalid(f"a bundle has 1..{MAX_FILES} files", code="policy")
    if not all(_PATH.fullmatch(path) for path in files):
        raise Invalid("a file's path is NAME or FOLDER/NAME of A-Z a-z 0-9 _ . -", code="policy")
    try:
        size = sum(len(text.encode()) for text in files.values())
    except UnicodeEncodeError:
        raise Invalid("a policy file is no UTF-8", code="policy") from None
    if size > MAX_BYTES:
        raise Invalid(f"a bundle has {MAX_BYTES} bytes at most", code="policy")
    return PolicyFiles(dict(files))


def compile_policy(files: PolicyFiles, *, grants: GrantReader) -> ActivePolicy:
    """Files → decision point, or Invalid with file and line."""
    datasets = catalog.read_catalog(files)
    bundle = policy.load_bundle(files, datasets=datasets, parse_predicate=query.parse_predicate)
    return ActivePolicy(pdp=PolicyDecisionPoint(bundle, grants=grants), datasets=datasets)


def read_policies(folder: Path) -> PolicyFiles:
    """The folder's YAML files and its Casbin model.

    Raises:
        Invalid: no such folder, or a file that is no UTF-8.
    """
    if not folder.is_dir():
        raise Invalid(f"no policy folder {folder}", code="policy", fix="set GATEWAY_POLICIES")
    paths = sorted(p for p in folder.rglob("*") if p.suffix in {".yaml", ".conf"} and p.is_file())
    try:
        return PolicyFiles({p.relative_to(folder).as_posix(): p.read_text(encoding="utf-8") for p in paths})
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"a policy file cannot be read ({type(error).__name__})", code="policy") from None


def _decision_point(files: PolicyFiles) -> PolicyDecisionPoint:
    return compile_policy(files, grants=NoDynamicGrants()).pdp


def _uses_reader(datasets: Datasets) -> Callable[[str], Mapping[str, frozenset[str]]]:
    limits = query.QueryLimits()

    def read(sql: str) -> Mapping[str, frozenset[str]]:
        parsed = query.parse(sql, dialect="postgres", limits=limits)
        known = catalog.resolve(parsed, catalog=datasets, visible=frozenset(datasets))
        return query.bind(parsed, datasets=known).uses

    return read
