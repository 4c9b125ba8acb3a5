"""What `kit serve` does before anything runs: apply the files where nothing conflicts, activate a sole season."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline import clock
from pipeline.content.errors import ContentError
from pipeline.delivery import fence
from pipeline.environment import Environment
from pipeline.release import revisions, wiring
from pipeline.release.audit import SYSTEM
from pipeline.release.models import SeasonState


def prepare(environment: Environment) -> Iterator[str]:
    """Bring the database to what the files say; yield, in French, what was done or is left to a person."""
    now = clock.now()
    try:
        planned = revisions.plan(revisions.read(environment.schedules_dir, environment.fiches_dir))
    except ContentError as error:
        yield f"Les fichiers n’ont pas été appliqués :\n{error}"
        planned = None
    if planned is not None and planned.conflicts:
        yield "Les fichiers contredisent des décisions de l’équipe ; rien n’a été appliqué :"
        yield from (str(conflict) for conflict in planned.conflicts)
    elif planned is not None and not planned.empty:
        revision = revisions.apply(planned, actor=SYSTEM, now=now)
        yield f"Révision {revision.number} appliquée ({len(planned.changes)} changement(s))."
    seasons = revisions.applied_seasons(revisions.current_revision())
    if len(seasons) == 1 and not SeasonState.objects.filter(activated_at__isnull=False).exists():
        name = next(iter(seasons))
        revisions.activate(name, actor=SYSTEM, now=now)
        yield f"La saison {name} court."
    elif seasons and not SeasonState.objects.filter(active=True).exists():
        yield f"Aucune saison ne court : « kit season activate NOM » ({', '.join(seasons)})."
    if not fence.is_armed(wiring.identity()):
        yield "Cette installation est une copie : rien ne part tant que « kit arm » n’est pas tapé."
