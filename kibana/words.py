"""What people read on the dashboards, in French, and the colours that go with it. Words are those of the site."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from conf.clinical import HORIZONS_H, RISK_FIELDS, risk_field
from kibana.saved import Json

Labels = Mapping[str, str]

RED: Final = "#B9332A"
ORANGE: Final = "#DA8B45"
YELLOW: Final = "#D6BF57"
GREEN: Final = "#54B399"
BLUE: Final = "#6092C0"
VIOLET: Final = "#9170B8"
GREY: Final = "#98A2B3"

LEVELS: Final[Labels] = {"LOW": "Faible", "MEDIUM": "Modéré", "HIGH": "Élevé", "CRITICAL": "Critique"}
LEVEL_COLOURS: Final[Labels] = {"LOW": GREEN, "MEDIUM": YELLOW, "HIGH": ORANGE, "CRITICAL": RED}
CATEGORIES: Final[Labels] = {  # from low to high, as levels are
    "low": "Basse",
    "normal": "Normale",
    "elevated": "Élevée",
    "stage_1": "Stade 1",
    "stage_2": "Stade 2",
    "severe": "Crise",
}
CATEGORY_COLOURS: Final[Labels] = {
    "low": BLUE,
    "normal": GREEN,
    "elevated": YELLOW,
    "stage_1": "#E7A35B",
    "stage_2": "#DA6B45",
    "severe": RED,
}
ALERT_KINDS: Final[Labels] = {
    "measured": "Crise mesurée",
    "limit": "Hors des limites du patient",
    "low": "Tension basse",
    "predicted": "Risque prédit",
    "attention": "Mesure inexploitable",
    "silence": "Patient sans mesure",
    "feed": "Flux interrompu",
    "system": "Panne du système",
}
SEEN_LEVELS: Final[Labels] = {**LEVELS, "STALE": "Sans mesure"}  # of an alert
ALERT_STATES: Final[Labels] = {
    "raised": "Déclenchée",
    "acknowledged": "Acquittée",
    "reminded": "Rappelée",
    "latched": "Maintenue",
    "resolved": "Terminée",
    "expired": "Expirée sans réponse",
    "withdrawn": "Retirée",
}
WITHDRAWALS: Final[Labels] = {
    "changed": "Mesures retirées ou corrigées",
    "joined": "Réunie à une autre alerte",
    "ended": "Fin de la surveillance",
}
ALERT_EVENTS: Final[Labels] = {
    "acknowledged": "Acquittement",
    "snoozed": "Mise en pause",
    "noted": "Note",
    "owned": "Prise en charge",
    "undone": "Annulation",
    "feedback": "Avis",
    "limits": "Limites du patient",
    "surveillance_ended": "Fin de la surveillance",
    "surveillance_resumed": "Reprise de la surveillance",
    "shown": "Affichage",
    "raised": "Déclenchement",
    "escalated": "Retard",
    "reminded": "Rappel",
    "latched": "Maintien",
    "resolved": "Fin",
    "expired": "Expiration",
    "withdrawn": "Retrait",
    "notified": "Message envoyé",
}
ANSWERS: Final[Labels] = {
    "seen": "Vu, prise en charge en cours",
    "called": "Patient appelé",
    "treated": "Traitement adapté",
    "false_alarm": "Faux positif",
    "other": "Autre",
}
DRIFTS: Final[Labels] = {"stable": "Stable", "moderate": "Modérée", "strong": "Forte", "unknown": "Inconnue"}
SUBGROUPS: Final[Labels] = {"all": "Toutes", "not_in_crisis": "Hors crise", "in_crisis": "En crise"}

FIELDS: Final[Labels] = {
    "@timestamp": "Heure",
    "patient_id": "Patient",
    "ward": "Service",
    "systolic": "Systolique (mmHg)",
    "diastolic": "Diastolique (mmHg)",
    "heart_rate": "Fréquence cardiaque (/min)",
    "mean_arterial_pressure": "Pression artérielle moyenne (mmHg)",
    "pulse_pressure": "Pression pulsée (mmHg)",
    "category": "Catégorie",
    "status": "Statut FHIR",
    "device_id": "Appareil",
    "flags": "Remarques",
    "ingested_at": "Reçue à",
    "source_partition": "Partition Kafka",
    "source_offset": "Position dans la partition",
    **{risk_field(hours): f"Risque {hours} h" for hours in HORIZONS_H},
    "alert_level": "Niveau prédit",
    "model_version": "Version du modèle",
    "window_readings": "Mesures dans la fenêtre",
    "window_hours": "Durée de la fenêtre (h)",
    "window_largest_gap_hours": "Plus longue pause (h)",
    "window_late_readings": "Mesures tardives",
    "scored_at": "Calculée à",
    "replaced_scored_at": "Prédiction remplacée, calculée à",
    "reasons.code": "Raison du risque",
    "out_of_range": "Hors du domaine du modèle",
    "reason": "Motif",
    "attention": "Évoque une crise",
    "measured_at": "Mesurée à (horloge de l'appareil)",
    "source_topic": "Sujet Kafka",
    "event": "Événement",
    "kind": "Nature",
    "part": "Partie du système",
    "state": "État",
    "level": "Niveau",
    "is_unanswered": "Sans réponse",
    "escalated": "En retard",
    "raised_at": "Déclenchée à",
    "ended_at": "Terminée à",
    "owner": "Responsable",
    "answer.reason": "Motif de la réponse",
    "why": "Raison du retrait",
    "worst.systolic": "Systolique la plus haute (mmHg)",
    "worst.diastolic": "Diastolique associée (mmHg)",
    "worst.risk_6h": "Risque 6 h le plus haut",
    "role": "Rôle",
    "useful": "Utile",
    "seen_level": "Niveau affiché",
    "seen_risk_6h": "Risque 6 h affiché",
    "answered_after_s": "Délai de réponse",
    "judged_at": "Jugé à",
    "horizon_h": "Horizon (h)",
    "stratum": "Groupe",
    "observed_rate": "Taux de crises observé",
    "mean_risk": "Risque prédit moyen",
    "censored_share": "Part d'issues inconnues",
    "auroc": "AUROC",
    "brier": "Score de Brier",
    "brier_skill": "Gain de Brier",
    "ici": "Erreur de calibration (ICI)",
    "slope": "Pente de calibration",
    "ppv.LOW": "VPP, niveau faible",
    "ppv.MEDIUM": "VPP, niveau modéré",
    "ppv.HIGH": "VPP, niveau élevé",
    "ppv.CRITICAL": "VPP, niveau critique",
    "feature": "Variable",
    "psi": "Indice de stabilité (PSI)",
    "psi_low": "PSI, limite basse à 95 %",
    "psi_high": "PSI, limite haute à 95 %",
    "mean": "Moyenne",
    "reference_mean": "Moyenne à l'apprentissage",
    "drift": "Dérive",
}

WHOLE: Final[Json] = {"id": "number", "params": {"pattern": "0,0"}}
HUNDREDTHS: Final[Json] = {"id": "number", "params": {"pattern": "0.00"}}
THOUSANDTHS: Final[Json] = {"id": "number", "params": {"pattern": "0.000"}}
PERCENT: Final[Json] = {"id": "percent", "params": {"pattern": "0.0%"}}
DURATION: Final[Json] = {
    "id": "duration",
    "params": {"inputFormat": "seconds", "outputFormat": "humanizePrecise", "outputPrecision": 1},
}


def _names(labels: Labels) -> Json:
    """Return stored values under their French names; a value without one is shown as it is."""
    entries = [{"key": value, "value": name} for value, name in labels.items()]
    return {"id": "static_lookup", "params": {"lookupEntries": entries}}


FORMATS: Final[Mapping[str, Json]] = {
    **dict.fromkeys(("systolic", "diastolic", "heart_rate", "mean_arterial_pressure", "pulse_pressure"), WHOLE),
    **dict.fromkeys(("worst.systolic", "worst.diastolic"), WHOLE),
    **dict.fromkeys((*RISK_FIELDS, "seen_risk_6h", "worst.risk_6h"), PERCENT),
    **dict.fromkeys(("observed_rate", "mean_risk", "censored_share"), PERCENT),
    **dict.fromkeys((f"ppv.{level}" for level in LEVELS), PERCENT),
    **dict.fromkeys(("auroc", "brier", "brier_skill", "ici", "psi", "psi_low", "psi_high"), THOUSANDTHS),
    **dict.fromkeys(("slope", "mean", "reference_mean", "window_hours", "window_largest_gap_hours"), HUNDREDTHS),
    **dict.fromkeys(("alert_level", "seen_level"), _names(LEVELS)),
    "answered_after_s": DURATION,
    "category": _names(CATEGORIES),
    "drift": _names(DRIFTS),
    "event": _names(ALERT_EVENTS),
    "kind": _names(ALERT_KINDS),
    "level": _names(SEEN_LEVELS),
    "reason": _names(ANSWERS),
    "answer.reason": _names(ANSWERS),
    "state": _names(ALERT_STATES),
    "stratum": _names(SUBGROUPS),
    "why": _names(WITHDRAWALS),
}
