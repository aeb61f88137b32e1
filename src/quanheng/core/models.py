"""The tables of the core. What is evidence is an artifact or a log entry; a table holds what changes, or indexes.

`Edge`, `LayerUse`, `Placement` and `LogNode` are indexes of manifests and entries: `fsck` rebuilds or checks them.
"""

from __future__ import annotations

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models

from quanheng.core.ids import new_id


def _id_field() -> models.CharField[str, str]:
    return models.CharField(max_length=32, primary_key=True, default=new_id, editable=False)


class Actor(AbstractBaseUser):
    """Somebody or something that acts. The log holds only `id`; `label` may be erased."""

    id = _id_field()
    label = models.CharField(max_length=150, unique=True)
    kind = models.CharField(max_length=10, default="person")  # os | person | service
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    objects = BaseUserManager["Actor"]()
    USERNAME_FIELD = "label"


class Project(models.Model):
    """A group of artifacts, members and roles."""

    id = _id_field()
    slug = models.SlugField(max_length=100, unique=True)
    title = models.CharField(max_length=200)
    is_public = models.BooleanField(default=False)
    created_at = models.DateTimeField()


class Membership(models.Model):
    """An actor's role in a project, or in the whole workspace when `project` is empty."""

    actor = models.ForeignKey(Actor, on_delete=models.CASCADE)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, null=True)
    role = models.CharField(max_length=20)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["actor", "project", "role"], name="membership_once"),
            models.UniqueConstraint(
                fields=["actor", "role"], condition=models.Q(project=None), name="membership_workspace_once"
            ),
        )


class Token(models.Model):
    """A bearer token, stored as the SHA-256 of its 256 random bits."""

    id = _id_field()
    actor = models.ForeignKey(Actor, on_delete=models.CASCADE)
    title = models.CharField(max_length=100)
    secret_hash = models.CharField(max_length=64, unique=True)
    scopes = models.TextField()  # permissions or verb names, space separated
    project = models.ForeignKey(Project, on_delete=models.CASCADE, null=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)


class SignInLink(models.Model):
    """A one-time link that signs its actor in, stored as the SHA-256 of its 256 random bits."""

    secret_hash = models.CharField(max_length=64, unique=True)
    actor = models.ForeignKey(Actor, on_delete=models.CASCADE)
    resets = models.BooleanField(default=False)  # its use ends the old password
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)


class SignInFailure(models.Model):
    """A failed sign-in, under the hash of the account name or of the address it came from."""

    key = models.CharField(max_length=64)
    at = models.DateTimeField()

    class Meta:
        indexes = (models.Index(fields=["key", "at"], name="sign_in_failure"),)


class StagedFile(models.Model):
    """A file that its actor uploads for a verb to read; the bytes lie under `uploads/` in the workspace."""

    id = _id_field()
    actor = models.ForeignKey(Actor, on_delete=models.CASCADE)
    name = models.CharField(max_length=255)
    size = models.BigIntegerField()
    received = models.BigIntegerField(default=0)
    digest = models.CharField(max_length=71, default="")  # promised at the beginning, checked at the end
    is_done = models.BooleanField(default=False)
    touched_at = models.DateTimeField()


class Replay(models.Model):
    """The answer to a call with an Idempotency-Key, kept to be given again to the same request."""

    actor = models.ForeignKey(Actor, on_delete=models.CASCADE)
    key = models.CharField(max_length=128)
    request_mac = models.CharField(max_length=64)  # of method, path and body
    status = models.IntegerField(null=True)  # null: under way
    body = models.TextField(default="")
    created_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["actor", "key"], name="replay_once"),)


class Job(models.Model):
    """A verb running, or run. Whoever holds the lease under the current `attempt` may finish it."""

    id = _id_field()
    verb = models.CharField(max_length=100)
    version = models.IntegerField()
    state = models.CharField(max_length=10)  # queued running done failed cancelled denied
    project = models.ForeignKey(Project, on_delete=models.PROTECT, null=True)
    actor = models.ForeignKey(Actor, on_delete=models.PROTECT)
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True)
    input = models.TextField()  # the whole input, canonical JSON
    inputs = models.TextField(default="[]")  # [[role, digest], …]
    outputs = models.TextField(null=True)  # [digest, …] in the entry's order, where the entry only sums them up
    params_digest = models.CharField(max_length=71)
    key = models.CharField(max_length=71, default="")
    name = models.CharField(max_length=100, default="")  # the name its output gets
    again = models.CharField(max_length=64, default="")
    attempt = models.IntegerField(default=0)
    max_attempts = models.IntegerField(default=1)
    lease_until = models.DateTimeField(null=True)
    runner = models.CharField(max_length=200, default="")  # host:pid:start, to tell at once that it is gone
    cancel_requested = models.BooleanField(default=False)
    token = models.ForeignKey(Token, on_delete=models.PROTECT, null=True)  # whose limits hold while it runs
    is_local = models.BooleanField(default=True)  # called on this machine: may name local paths
    request = models.CharField(max_length=200, null=True, unique=True)  # actor and Idempotency-Key of the call
    progress_done = models.BigIntegerField(default=0)
    progress_total = models.BigIntegerField(null=True)
    error = models.TextField(default="")
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (
            models.Index(fields=["state", "created_at"], name="job_queue"),
            models.Index(fields=["project", "created_at"], name="job_of_project"),
        )


class Artifact(models.Model):
    """A manifest and its config, as bytes; `digest` is the SHA-256 of the manifest."""

    digest = models.CharField(max_length=71, unique=True)
    kind = models.CharField(max_length=60)
    manifest = models.BinaryField()
    config = models.BinaryField()
    key = models.CharField(max_length=71)
    job = models.ForeignKey(Job, on_delete=models.PROTECT)
    created_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_reason = models.TextField(default="")

    class Meta:
        indexes = (
            models.Index(fields=["key"], name="artifact_by_key"),
            models.Index(fields=["kind", "id"], name="artifact_by_kind"),
        )


class Placement(models.Model):
    """An artifact is in a project: visible to its members."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT)
    artifact = models.ForeignKey(Artifact, on_delete=models.PROTECT)
    job = models.ForeignKey(Job, on_delete=models.PROTECT)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["project", "artifact"], name="placement_once"),)


class Edge(models.Model):
    """Artifact `dst` was made from `src`, which played `role`."""

    pk = models.CompositePrimaryKey("dst", "src", "role")
    dst = models.ForeignKey(Artifact, on_delete=models.PROTECT, related_name="from_edges", db_column="dst")
    src = models.ForeignKey(Artifact, on_delete=models.PROTECT, related_name="to_edges", db_column="src")
    role = models.CharField(max_length=60)

    class Meta:
        managed = False  # WITHOUT ROWID on SQLite
        db_table = "qh_core_edge"


class Layer(models.Model):
    """A layer the workspace knows. `doomed_at`: collection is removing it; a put that meets it waits."""

    digest = models.CharField(max_length=71, primary_key=True)
    size = models.BigIntegerField()
    is_external = models.BooleanField(default=False)
    seen_at = models.DateTimeField()
    doomed_at = models.DateTimeField(null=True)


class LayerUse(models.Model):
    """An artifact uses a layer."""

    artifact = models.ForeignKey(Artifact, on_delete=models.PROTECT)
    digest = models.CharField(max_length=71, db_index=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["artifact", "digest"], name="layer_use_once"),)


class Upload(models.Model):
    """An actor brought a layer, and may name it in a manifest."""

    digest = models.CharField(max_length=71)
    actor = models.ForeignKey(Actor, on_delete=models.CASCADE)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["digest", "actor"], name="upload_once"),)


class Name(models.Model):
    """(project, kind, slug) names an artifact now."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT)
    kind = models.CharField(max_length=60)  # without the version
    slug = models.CharField(max_length=100)
    artifact = models.ForeignKey(Artifact, on_delete=models.PROTECT)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["project", "kind", "slug"], name="name_once"),)


class NameMove(models.Model):
    """The history of a name."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT)
    kind = models.CharField(max_length=60)
    slug = models.CharField(max_length=100)
    artifact = models.ForeignKey(Artifact, on_delete=models.PROTECT)
    job = models.ForeignKey(Job, on_delete=models.PROTECT)
    moved_at = models.DateTimeField()


class LogHead(models.Model):
    """The one row that orders the log: its size, the last time, and the origin of the workspace."""

    id = models.IntegerField(primary_key=True)
    size = models.BigIntegerField()
    time = models.CharField(max_length=27)
    origin = models.CharField(max_length=60)


class LogEntry(models.Model):
    """One entry of the log: the exact bytes. Triggers refuse UPDATE and DELETE."""

    index = models.BigIntegerField(primary_key=True)
    entry = models.BinaryField()
    job = models.OneToOneField(Job, on_delete=models.PROTECT)


class LogNode(models.Model):
    """A complete subtree of the Merkle tree: 2**level leaves from index·2**level. Level 0 are leaf hashes."""

    level = models.IntegerField()
    index = models.BigIntegerField()
    hash = models.BinaryField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["level", "index"], name="log_node_once"),)


class SigningKey(models.Model):
    """A key that signs or signed checkpoints; the private half is a file in the workspace."""

    fingerprint = models.CharField(max_length=71, primary_key=True)
    public_key = models.CharField(max_length=64)
    artifact = models.CharField(max_length=71, default="")
    created_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True)


class Checkpoint(models.Model):
    """A signed root over the first `size` entries, as a signed note."""

    size = models.BigIntegerField()
    fingerprint = models.CharField(max_length=71)
    note = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["size", "fingerprint"], name="checkpoint_once"),)


class Witness(models.Model):
    """Somebody outside saw a checkpoint: a time-stamp token, or a letter with the root on it."""

    checkpoint = models.ForeignKey(Checkpoint, on_delete=models.PROTECT)
    form = models.CharField(max_length=20)  # letter | timestamp
    token = models.TextField()
    witnessed_on = models.DateField()
    job = models.ForeignKey(Job, on_delete=models.PROTECT)


class Case(models.Model):
    """A matter with states, transitions and clocks that stand in data (core/case)."""

    id = _id_field()
    type = models.CharField(max_length=60)
    project = models.ForeignKey(Project, on_delete=models.PROTECT)
    title = models.CharField(max_length=200)
    state = models.CharField(max_length=40)
    steps = models.IntegerField(default=0)
    opened_at = models.DateTimeField()


class CaseEvent(models.Model):
    """One transition of a case."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT)
    step = models.IntegerField()
    transition = models.CharField(max_length=40)
    from_state = models.CharField(max_length=40)
    to_state = models.CharField(max_length=40)
    actor = models.ForeignKey(Actor, on_delete=models.PROTECT)
    at = models.DateTimeField()
    note = models.TextField(default="")

    class Meta:
        constraints = (models.UniqueConstraint(fields=["case", "step"], name="case_event_once"),)
