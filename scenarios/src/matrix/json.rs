//! The matrix for programs.

use super::{Broken, Place, Row, kills::Kill};
use serde_json::{Value, json};

/// A rule, with all that is known of it.
pub fn rule(row: &Row) -> Value {
    let rule = row.rule;
    json!({
        "id": rule.id,
        "says": rule.says,
        "note": rule.note,
        "layer": rule.layer.name(),
        "kind": rule.kind.name(),
        "in_scope": rule.in_scope(),
        "confidence": rule.confidence.iter().map(|one| one.abbreviation()).collect::<Vec<_>>(),
        "versions": rule.versions,
        "sources": rule.sources,
        "code": places(row.code),
        "tests": places(row.tests),
        "scenarios": row.scenarios,
        "recordings": row.recordings,
        "mutants": row.mutants.iter().map(|broken| kill(broken)).collect::<Vec<_>>(),
        "killed_by": row.killers,
        "unbroken": row.unbroken,
        "gaps": row.gaps(),
    })
}

/// A mutant, with all that is known of it.
pub fn mutant(broken: &Broken) -> Value {
    let mut value = kill(broken.kill);
    let breaks: Vec<_> = broken
        .kill
        .mutant
        .rules()
        .iter()
        .map(|id| id.id())
        .collect();
    value["breaks"] = json!(breaks);
    value["code"] = places(broken.code);
    value["tests"] = places(broken.tests);
    value["gaps"] = json!(broken.gaps());
    value
}

fn kill(kill: &Kill) -> Value {
    json!({
        "mutant": kill.mutant.name(),
        "says": kill.mutant.says(),
        "unobservable": kill.mutant.unobservable(),
        "killed_by": kill.scenarios,
        "recordings": kill.recordings,
        "rejected": kill.rejected,
    })
}

fn places(places: &[Place]) -> Value {
    let place =
        |place: &Place| json!({ "file": place.file, "line": place.line, "item": place.item });
    places.iter().map(place).collect()
}
