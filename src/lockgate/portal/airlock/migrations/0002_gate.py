import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("airlock", "0001_initial"),
        ("workspaces", "0002_decide"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="request",
            name="again_of",
            field=models.ForeignKey(
                blank=True,
                help_text="what it repeats",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="again",
                to="airlock.request",
            ),
        ),
        migrations.AddField(
            model_name="request",
            name="decided_by",
            field=models.CharField(
                choices=[("people", "People"), ("rule", "Rule")], default="people", max_length=10
            ),
        ),
        migrations.AddField(
            model_name="request",
            name="differs",
            field=models.JSONField(default=list, help_text="why a repeated run went to people after all"),
        ),
        migrations.AddField(
            model_name="request",
            name="recall_reason",
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name="request",
            name="recalled_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="request",
            name="runs_asked",
            field=models.PositiveIntegerField(default=0, help_text="further runs that the approval covers"),
        ),
        migrations.AddField(
            model_name="request",
            name="runs_left",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="request",
            name="shape",
            field=models.JSONField(
                default=dict, help_text="what the approved files are like but for their figures"
            ),
        ),
        migrations.AlterField(
            model_name="request",
            name="state",
            field=models.CharField(
                choices=[
                    ("failing", "Held back by the checks"),
                    ("in_review", "With the reviewers"),
                    ("returned", "Returned for changes"),
                    ("released", "Released"),
                    ("recalled", "Recalled"),
                    ("refused", "Refused"),
                    ("withdrawn", "Withdrawn"),
                ],
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="review",
            name="decision",
            field=models.CharField(
                choices=[("approve", "Approve"), ("return", "Return for changes"), ("refuse", "Refuse")],
                max_length=10,
            ),
        ),
        migrations.CreateModel(
            name="Comment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("text", models.TextField()),
                ("at", models.DateTimeField(auto_now_add=True)),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "request",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="comments",
                        to="airlock.request",
                    ),
                ),
            ],
            options={
                "ordering": ["at"],
            },
        ),
        migrations.CreateModel(
            name="Import",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("reference", models.SlugField(max_length=80, unique=True)),
                ("title", models.CharField(max_length=200)),
                (
                    "purpose",
                    models.TextField(help_text="where it comes from, its licence and what it is for"),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("failing", "Held back by the checks"),
                            ("in_review", "With the reviewers"),
                            ("imported", "In the project"),
                            ("refused", "Refused"),
                            ("withdrawn", "Withdrawn"),
                        ],
                        max_length=20,
                    ),
                ),
                ("files", models.JSONField(default=list, help_text="name, bytes, sha256 of each")),
                ("verdicts", models.JSONField(default=list)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                (
                    "author",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="imports",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="imports",
                        to="workspaces.project",
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at"],
            },
        ),
        migrations.CreateModel(
            name="ImportReview",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "decision",
                    models.CharField(choices=[("approve", "Approve"), ("refuse", "Refuse")], max_length=10),
                ),
                ("note", models.TextField(blank=True)),
                ("at", models.DateTimeField(auto_now_add=True)),
                (
                    "asked",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reviews",
                        to="airlock.import",
                    ),
                ),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["at"],
                "constraints": [
                    models.UniqueConstraint(fields=("asked", "by"), name="one_import_review_per_person")
                ],
            },
        ),
    ]
