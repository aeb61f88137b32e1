"""What the faces need: sign-in links, uploads, replays; jobs that keep the limits of their caller."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

import quanheng.core.ids


class Migration(migrations.Migration):
    dependencies = [
        ("qh_core", "0002_edges_and_guards"),
    ]

    operations = [
        migrations.AddField(
            model_name="job",
            name="is_local",
            field=models.BooleanField(default=True),
        ),
        migrations.AddField(
            model_name="job",
            name="request",
            field=models.CharField(max_length=200, null=True, unique=True),
        ),
        migrations.AddField(
            model_name="job",
            name="token",
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to="qh_core.token"),
        ),
        migrations.CreateModel(
            name="SignInFailure",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=64)),
                ("at", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["key", "at"], name="sign_in_failure")],
            },
        ),
        migrations.CreateModel(
            name="SignInLink",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("secret_hash", models.CharField(max_length=64, unique=True)),
                ("resets", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(null=True)),
                ("actor", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="qh_core.actor")),
            ],
        ),
        migrations.CreateModel(
            name="StagedFile",
            fields=[
                (
                    "id",
                    models.CharField(
                        default=quanheng.core.ids.new_id,
                        editable=False,
                        max_length=32,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("name", models.CharField(max_length=255)),
                ("size", models.BigIntegerField()),
                ("received", models.BigIntegerField(default=0)),
                ("digest", models.CharField(default="", max_length=71)),
                ("is_done", models.BooleanField(default=False)),
                ("touched_at", models.DateTimeField()),
                ("actor", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="qh_core.actor")),
            ],
        ),
        migrations.CreateModel(
            name="Replay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=128)),
                ("request_mac", models.CharField(max_length=64)),
                ("status", models.IntegerField(null=True)),
                ("body", models.TextField(default="")),
                ("created_at", models.DateTimeField()),
                ("actor", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="qh_core.actor")),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("actor", "key"), name="replay_once")],
            },
        ),
    ]
