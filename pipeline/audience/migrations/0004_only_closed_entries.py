from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("audience", "0003_close_the_ledger")]
    operations = [
        migrations.RemoveField("consent", "choice"),
        migrations.RemoveField("consent", "form"),
        migrations.RemoveField("consent", "given_at"),
        migrations.RemoveField("consent", "ip_truncated"),
        migrations.RemoveField("consent", "source"),
        migrations.RemoveField("consent", "text_version"),
    ]
