"""Who may do what: one table, asserted as decisions and through real calls; then tokens, accounts, public projects."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from typing import Any, get_args, get_origin

import pytest

from quanheng.core import call, clock, permission
from quanheng.core.inputs import Local, Takes, marker
from quanheng.core.session import Session, token_session
from quanheng.core.verb import QUERIES, VERBS, load
from quanheng.errors import Forbidden, QuanhengError

#: The columns of TABLE: a letter, the role, and whether it reaches over the whole workspace ("-": no role at all).
COLUMNS = {
    "W": ("owner", True),
    "A": ("auditor", True),
    "o": ("owner", False),
    "b": ("builder", False),
    "r": ("reviewer", False),
    "n": ("annotator", False),
    "p": ("operator", False),
    "a": ("auditor", False),
    "u": ("public", False),
    "-": ("", False),
}

#: One row per verb and query: y = allowed, . = denied. A new verb or query gets its row here, written by hand.
TABLE = """
                        W A o b r n p a u -
workspace.create        y . . . . . . . . .
key.rotate              y . . . . . . . . .
project.create          y . . . . . . . . .
user.create             y . . . . . . . . .
user.deactivate         y . . . . . . . . .
token.create            y . . . . . . . . .
user.invite             y . . . . . . . . .
account.password        y y y y y y y y y y
token.revoke            y . . . . . . . . .
member.grant            y . y . . . . . . .
member.revoke           y . y . . . . . . .
witness.add             y y . . . . . . . .
name.set                y . y y . . . . . .
artifact.register_many  y . y y . . . . . .
artifact.withdraw       y . y . . . . . . .
files.register          y . y y . . . . . .
job.cancel              y . y y . . . . . .
flow.run                y . y y . . . . . .
case.open               y . y y . . . . . .
case.move               y y y y y . y y . .
source.register         y . y y . . . . . .
lexicon.register        y . y y . . . . . .
corpus.build            y . y y . . . . . .
corpus.takedown         y . y y . . . . . .
corpus.mix              y . y y . . . . . .
corpus.export           y . y y . . . . . .
corpus.publish          y . y y . . . . . .
tokenizer.train         y . y y . . . . . .
tokenizer.register      y . y y . . . . . .
classifier.train        y . y y . . . . . .
ngram.train             y . y y . . . . . .
lexicon.admit           y . y y . . . . . .
sample.commit           y . y y . . . . . .
sample.draw             y y y . . . . y . .
model.register          y . y y . . . . . .
endpoint.register       y . y y . . . . . .
benchmark.register      y . y y . . . . . .
responses.generate      y . y y . . . . . .
rulepack.register       y . y y . . . . . .
verdicts.enter          y . y . y . . . . .
verdicts.judge          y . y y . . . . . .
verdicts.scan           y . y y . . . . . .
assessment.run          y . y y . . . . . .

artifact.list           y y y y y . y y . .
artifact.show           y y y y y . y y . .
artifact.kinds          y y y y y . y y . .
artifact.find           y y y y y . y y . .
artifact.preview        y y y y y . y y . .
artifact.evidence       y y y y y . y y . .
lineage.of              y y y y y . y y . .
lineage.near            y y y y y . y y . .
log.list                y y y y y . y y . .
log.proof               y y y y y . y y . .
log.consistency         y y y y y . y y . .
checkpoint.list         y y y y y . y y . .
checkpoint.sign         y y . . . . . . . .
key.list                y y y y y . y y . .
job.list                y y y y y . y y . .
job.show                y y y y y . y y . .
job.logs                y y y y y . y y . .
job.events              y y y y y . y y . .
account.show            y y y y y y y y y y
project.list            y y y y y . y y . .
project.show            y y y y y . y y . .
project.next            y y y y y . y y . .
member.list             y y y y y . y y . .
user.list               y . . . . . . . . .
token.list              y . . . . . . . . .
name.history            y y y y y . y y . .
flow.show               y y y y y . y y . .
flow.plan               y y y y y . y y . .
config.show             y y y y y . y y . .
case.types              y y y y y . y y . .
case.list               y y y y y . y y . .
case.show               y y y y y . y y . .
workspace.status        y y . . . . . . . .
workspace.fsck          y y . . . . . . . .
assessment.show         y y y y y . y y . .
assessment.report       y y y y y . y y . .
assessment.bundle       y y y y y . y y . .
corpus.analyze          y y y y y . y y . .
corpus.plan             y y y y y . y y . .
corpus.diff             y y y y y . y y . .
corpus.uses             y y y y y . y y . .
recipe.lint             y y y y y . y y . .
recipe.import           y y y y y . y y . .
recipe.list             y y y y y . y y . .
lexicon.check           y y y y y . y y . .
lexicon.bad_rows        y y y y y . y y . .
lexicon.sheet           y y y y y . y y . .
lexicon.left_out        y y y y y . y y . .
lexicon.terms           y y y y y . y y . .
lexicon.expiring        y y y y y . y y . .
lexicon.evidence        y y y y y . y y . .
lexicon.versions        y y y y y . y y . .
lexicon.diff            y y y y y . y y . .
lexicon.uses            y y y y y . y y . .
lexicon.match           y y y y y . y y . .
artifact.save           y y y y y . y y . .
corpus.duplicates       y y y y y . y y . .
corpus.masked           y y y y y . y y . .
corpus.review           y y y y y . y y . .
recipe.export           y y y y y . y y . .
corpus.account          y y y y y . y y . .
corpus.samples          y y y y y . y y . .
corpus.document         y y y y y . y y . .
corpus.histogram        y y y y y . y y . .
sample.items            y y y y y . y y . .
source.samples          y y y y y . y y . .
verdicts.items          y y y y y . y y . .
verdicts.sources        y y y y y . y y . .
responses.items         y y y y y . y y . .
assessment.items        y y y y y . y y . .
assessment.risks        y y y y y . y y . .
assessment.draws        y y y y y . y y . .
"""

#: Marks of fields that name something; `sample_input` lets them name nothing that is there.
NAMES = (Takes, Local)
#: Input that `sample_input` cannot guess.
SAMPLES: dict[str, dict[str, Any]] = {
    "corpus.mix": {"corpus": "none", "tokenizer": "none", "group": ["1=1"]},
    "witness.add": {"size": 1, "form": "letter", "proof": "x", "date": "2026-01-01"},
    "artifact.withdraw": {"artifact": "none", "reason": "none"},
    "key.rotate": {"lost": True},
}


def table() -> dict[str, dict[str, bool]]:
    """Return TABLE as name → column → allowed."""
    head, *rows = [line.split() for line in TABLE.splitlines() if line.strip()]
    assert head == list(COLUMNS)
    return {name: dict(zip(head, (mark == "y" for mark in marks), strict=True)) for name, *marks in rows}


def sample_input(name: str) -> dict[str, Any]:
    """Return input that can be understood and names nothing that is there: a denial or NotFound, never work."""
    if name in SAMPLES:
        return SAMPLES[name]
    fields = (VERBS.get(name) or QUERIES[name]).input.model_fields
    return {
        field: _guess(info) for field, info in fields.items() if info.is_required() or isinstance(marker(info), NAMES)
    }


def _guess(info: Any) -> Any:
    kind, mark = info.annotation, marker(info)
    if isinstance(mark, NAMES):
        nothing = "none" if isinstance(mark, Takes) else "/no/such/file"
        return [nothing] if "list" in str(kind) else nothing
    if get_origin(kind) is list:
        return []
    if get_args(kind) and isinstance(get_args(kind)[0], str):
        return get_args(kind)[0]  # the first choice of a Literal
    return 1 if kind is int else "none"


def session_of(workspace: Any, column: str, project: str = "main") -> Session:
    """Return the session of a new account with the column's role."""
    from quanheng.core.models import Actor, Membership, Project

    role, wide = COLUMNS[column]
    place = Project.objects.get(slug=project)
    actor = Actor.objects.create(label=f"column-{column}-{project}", password="!", created_at=clock.now())
    if role:
        Membership.objects.create(actor=actor, project=None if wide else place, role=role)
    return Session(workspace, actor.id, True, place.id)


def denials(workspace: Any, actor_id: str) -> list[str]:
    """Return the verbs that this account was denied, by the log."""
    from quanheng.core import log

    found = [json.loads(data) for _, data in log.entries()]
    return [e["verb"] for e in found if e["outcome"] == "denied" and e["actor_id"] == actor_id]


def test_the_table_has_one_row_for_every_verb_and_query() -> None:
    load()
    rows = [line.split()[0] for line in TABLE.splitlines() if line.strip()][1:]
    assert len(rows) == len(set(rows))
    assert sorted(rows) == sorted([*VERBS, *QUERIES])


def test_roles_are_those_of_the_table() -> None:
    assert {role for role, _ in COLUMNS.values()} - {""} == set(permission.ROLES)
    assert {v.permission for v in (*VERBS.values(), *QUERIES.values())} - {"self"} <= permission.ROLES["owner"]


@pytest.mark.parametrize("column", COLUMNS)
def test_decisions_and_real_calls_agree_with_the_table(workspace: Any, column: str) -> None:
    session = session_of(workspace, column)
    expected: list[str] = []
    for name, row in table().items():
        one = VERBS.get(name) or QUERIES[name]
        decision = permission.decide(session, one.permission, name)
        assert decision.allowed == row[column], f"{name} for {column}: {decision.reason.en}"
        assert decision.reason.en and decision.reason.zh
        refused = False
        try:
            (call.call if name in VERBS else call.ask)(session, name, sample_input(name))
        except Forbidden as error:
            refused = error.code == permission.REFUSED
            assert "不能执行" in error.text.zh and error.hint
        except QuanhengError:
            pass  # understood and permitted: what it names is not there
        assert refused != row[column], f"{name} for {column}"
        if refused and name in VERBS:
            expected.append(name)
    assert denials(workspace, session.actor_id) == expected  # exactly one entry per denied verb, none for queries


def test_a_role_in_one_project_says_nothing_about_another(workspace: Any) -> None:
    workspace.project.create(slug="other")
    session = session_of(workspace, "o").in_project("other")
    with pytest.raises(Forbidden, match="your roles here: none"):
        call.ask(session, "artifact.list", {})
    with pytest.raises(Forbidden):
        call.call(session, "member.grant", {"label": "column-o-main", "role": "owner"})


def test_a_public_project_is_read_without_a_role_and_no_more(workspace: Any) -> None:
    workspace.project.create(slug="open", public=True)
    session = session_of(workspace, "-", "open")
    assert call.ask(session, "artifact.list", {})["rows"] == []
    assert [row["slug"] for row in call.ask(session, "project.list", {})] == ["open"]
    assert permission.decide(session, "read", "artifact.list").reason.zh == "项目是公开的"
    for name in ("member.grant", "case.open", "files.register"):
        with pytest.raises(Forbidden):
            call.call(session, name, sample_input(name))
    with pytest.raises(Forbidden):
        call.ask(session, "user.list", {})


def test_the_owner_of_a_project_cannot_make_a_token_of_the_workspace_owner(workspace: Any) -> None:
    """Otherwise a role in one project would be every role everywhere."""
    session = session_of(workspace, "o")
    owner = workspace.user.list()[-1]["label"]
    with pytest.raises(Forbidden, match="in the whole workspace: none"):
        call.call(session, "token.create", {"label": owner, "scopes": ["own"]})
    assert workspace.token.list() == []


# ---------------------------------------------------------------- tokens and accounts


def make_token(workspace: Any, **data: Any) -> dict[str, Any]:
    return dict(workspace.token.create(**{"label": "bao", **data}).value)


@pytest.fixture
def bao(workspace: Any) -> Any:
    """Return the workspace with an account bao, owner of the project main."""
    workspace.user.create(label="bao")
    workspace.member.grant(label="bao", role="owner")
    return workspace


def test_scopes_narrow_what_the_account_may(bao: Any) -> None:
    session = token_session(bao, make_token(bao, scopes=["read"])["token"])
    assert call.ask(session, "case.list", {})["rows"] == []
    with pytest.raises(Forbidden, match="scopes do not include build") as caught:
        call.call(session, "case.open", {"type": "user_appeal", "title": "x"})
    assert "访问令牌的范围不包含 build" in caught.value.text.zh
    assert denials(bao, session.actor_id) == ["case.open"]


def test_a_scope_may_be_one_verb(bao: Any) -> None:
    session = token_session(bao, make_token(bao, scopes=["case.open"])["token"])
    assert call.call(session, "case.open", {"type": "user_appeal", "title": "x"}).value["case"]
    with pytest.raises(Forbidden):
        call.ask(session, "case.list", {})
    with pytest.raises(Forbidden):
        call.call(session, "name.set", {"artifact": "none", "name": "x"})


def test_a_scope_gives_nothing_that_the_account_has_not(bao: Any) -> None:
    bao.user.create(label="chen")
    bao.member.grant(label="chen", role="reviewer")
    session = token_session(bao, make_token(bao, label="chen", scopes=["own", "build", "read"])["token"])
    with pytest.raises(Forbidden, match="your roles here: reviewer"):
        call.call(session, "case.open", {"type": "user_appeal", "title": "x"})


def test_a_token_ends_by_time(bao: Any) -> None:
    token = make_token(bao, days=1)["token"]
    start = clock.now()
    clock.set_clock(lambda: start + dt.timedelta(hours=23))
    assert token_session(bao, token).actor_id
    clock.set_clock(lambda: start + dt.timedelta(days=1, seconds=1))
    with pytest.raises(Forbidden, match="this access token expired at") as caught:
        token_session(bao, token)
    assert caught.value.code == "token_ended" and "已过期" in caught.value.text.zh


def test_a_token_ends_by_revocation(bao: Any) -> None:
    made = make_token(bao)
    bao.token.revoke(id=made["id"])
    with pytest.raises(Forbidden, match="this access token was revoked at") as caught:
        token_session(bao, made["token"])
    assert "已被撤销" in caught.value.text.zh
    with pytest.raises(QuanhengError, match="no token"):
        bao.token.revoke(id=made["id"])


def test_an_unknown_token_is_refused_and_no_secret_is_kept(bao: Any, place: Any) -> None:
    secret = make_token(bao)["token"]
    with pytest.raises(Forbidden, match="not known here"):
        token_session(bao, secret + "x")
    from quanheng.core.models import Token

    assert secret not in json.dumps(list(Token.objects.values()), default=str)
    assert secret not in json.dumps(bao.log.list(limit=100)) + json.dumps(bao.token.list())
    place.open(token=secret).case.list()


def test_a_token_of_one_project_ends_at_its_border(bao: Any) -> None:
    bao.project.create(slug="other")
    bao.call("member.grant", label="bao", role="owner", project="other")
    token = make_token(bao, scopes=["read", "own"], here=True)["token"]
    assert call.ask(token_session(bao, token), "case.list", {})["rows"] == []
    with pytest.raises(Forbidden, match="bound to another project") as caught:
        call.ask(token_session(bao, token, "other"), "case.list", {})
    assert "另一个项目" in caught.value.text.zh


def test_a_token_of_one_project_does_not_reach_the_workspace(bao: Any) -> None:
    """Its owner may make tokens; with this token it would make itself one without a border."""
    owner = bao.user.list()[0]["label"]
    assert owner.startswith("os:") or owner == "bao"
    os_label = next(row["label"] for row in bao.user.list() if row["label"].startswith("os:"))
    session = token_session(bao, make_token(bao, label=os_label, scopes=["own", "read"], here=True)["token"])
    with pytest.raises(Forbidden, match="bound to one project"):
        call.call(session, "token.create", {"label": os_label, "scopes": ["own"]})
    assert call.ask(session, "config.show", {})


def test_a_deactivated_account_may_nothing(bao: Any) -> None:
    token = make_token(bao)["token"]
    bao.user.deactivate(label="bao")
    session = token_session(bao, token)
    with pytest.raises(Forbidden, match="deactivated") as caught:
        call.ask(session, "case.list", {})
    assert "该账号已停用" in caught.value.text.zh
    with pytest.raises(Forbidden):
        call.call(session, "case.open", {"type": "user_appeal", "title": "x"})
    assert denials(bao, session.actor_id) == ["case.open"]


def test_the_last_owner_of_a_project_stays(bao: Any) -> None:
    with pytest.raises(QuanhengError, match="at least one owner"):
        bao.member.revoke(label="bao", role="owner")
    bao.user.create(label="chen")
    bao.member.grant(label="chen", role="owner")
    bao.member.revoke(label="bao", role="owner")
    assert [m["label"] for m in bao.member.list() if m["reach"] == "project"] == ["chen"]


def test_reasons_name_the_role_that_allows(bao: Any) -> None:
    decision = permission.decide(bao.session, "own", "user.create")
    assert decision.allowed and decision.reason.en == "owner of the workspace may own"
    session = dataclasses.replace(bao.session, is_active=False)
    assert permission.decide(session, "read", "case.list").reason.zh == "该账号已停用"


def test_a_role_everywhere_reaches_what_is_of_the_workspace(workspace: Any) -> None:
    workspace.user.create(label="eve")
    workspace.member.grant(label="eve", role="auditor")
    secret = str(workspace.token.create(label="eve", scopes=["read", "audit"]).value["token"])
    with pytest.raises(Forbidden):
        call.ask(token_session(workspace, secret), "checkpoint.sign", {})
    workspace.member.grant(label="eve", role="auditor", everywhere=True)
    assert call.ask(token_session(workspace, secret), "checkpoint.sign", {})["size"]
    workspace.member.revoke(label="eve", role="auditor", everywhere=True)
    with pytest.raises(Forbidden):
        call.ask(token_session(workspace, secret), "checkpoint.sign", {})


def test_the_owner_of_a_project_gives_no_role_everywhere(workspace: Any) -> None:
    workspace.user.create(label="owner-here")
    workspace.member.grant(label="owner-here", role="owner")
    secret = str(workspace.token.create(label="owner-here", scopes=["own"]).value["token"])
    with pytest.raises(Forbidden):
        call.call(
            token_session(workspace, secret),
            "member.grant",
            {"label": "owner-here", "role": "auditor", "everywhere": True},
        )
