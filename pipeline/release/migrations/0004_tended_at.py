from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("release", "0003_audience_at_large")]
    operations = [migrations.AddField("plan", "tended_at", models.DateTimeField(null=True))]
