//! Durations: from what is written to a [`Law`], and the times of the machine.

use super::{Result, error, unknown};
use crate::{
    grammar,
    law::{Law, MOST_STAGES},
    workload::{Duration, LawDeclaration, Machine, Place, Time, WorkloadError, WrongName},
};

/// The law of a duration; `None` if it is infinite.
pub(crate) fn law(place: &Place, duration: &Duration) -> Result<Option<Law>> {
    match duration {
        Duration::Fixed(Time::Infinite) => Ok(None),
        Duration::Fixed(Time::Nanoseconds(ns)) => Ok(Some(Law::Constant(*ns))),
        Duration::Law(declaration) => of_declaration(place, declaration).map(Some),
    }
}

fn of_declaration(place: &Place, declaration: &LawDeclaration) -> Result<Law> {
    check_keys(place, declaration)?;
    let finite = |key: &'static str, time: Option<Time>| match time {
        Some(Time::Nanoseconds(ns)) => Ok(ns),
        _ => error(
            &place.key(key),
            format!("the {key} of a law cannot be infinite."),
            "Give a time such as \"1ms\".",
        ),
    };
    let mean = || match finite("mean", declaration.mean)? {
        0 => error(
            &place.key("mean"),
            "a law of mean 0 has no values but 0.",
            "Give a longer mean, or write 0 instead of the law.",
        ),
        ns => Ok(ns),
    };
    match declaration.law.as_str() {
        "constant" => Ok(Law::Constant(finite("mean", declaration.mean)?)),
        "exponential" => Ok(Law::Exponential { mean_ns: mean()? }),
        "uniform" => {
            let from_ns = finite("from", declaration.from)?;
            let to_ns = finite("to", declaration.to)?;
            if from_ns >= to_ns {
                return error(
                    &place.key("to"),
                    "a uniform law goes from a shorter to a longer time.",
                    "Give `from` less than `to`.",
                );
            }
            Ok(Law::Uniform { from_ns, to_ns })
        }
        "log-normal" => match finite("deviation", declaration.deviation)? {
            0 => error(
                &place.key("deviation"),
                "a log-normal law deviates from its mean.",
                "Give a longer deviation, or the law \"constant\".",
            ),
            deviation_ns => Ok(Law::LogNormal {
                mean_ns: mean()?,
                deviation_ns,
            }),
        },
        "pareto" => match declaration.shape {
            Some(shape) if shape > 1.0 && shape.is_finite() => Ok(Law::Pareto {
                mean_ns: mean()?,
                shape,
            }),
            shape => error(
                &place.key("shape"),
                format!(
                    "a Pareto law of shape {} has no mean.",
                    shape.unwrap_or_default()
                ),
                "Give a shape of more than 1; of more than 2 if it is to have a variance, too.",
            ),
        },
        "erlang" => match declaration.stages {
            Some(stages) if (1..=MOST_STAGES).contains(&stages) => Ok(Law::Erlang {
                mean_ns: mean()?,
                stages,
            }),
            _ => error(
                &place.key("stages"),
                format!("an Erlang law has from 1 to {MOST_STAGES} stages."),
                "Give such a number; 1 is the exponential law.",
            ),
        },
        name => {
            let place = place.key("values");
            let values = values(&place, declaration)?;
            let law = match name {
                "sequence" => Law::Sequence,
                _ => Law::Empirical,
            };
            Ok(law(values.into()))
        }
    }
}

/// The values of an empirical law, or of a sequence.
fn values(place: &Place, declaration: &LawDeclaration) -> Result<Vec<u64>> {
    let mut values = Vec::new();
    for (index, value) in declaration.values.iter().flatten().enumerate() {
        match value {
            Time::Nanoseconds(ns) => values.push(*ns),
            Time::Infinite => {
                return error(
                    &place.index(index),
                    "a value of a law cannot be infinite.",
                    "Leave it out.",
                );
            }
        }
    }
    if values.is_empty() {
        return error(
            place,
            "a law without values has no mean.",
            "Give at least one value.",
        );
    }
    Ok(values)
}

/// Is the law known, and does it have just the keys that it takes?
fn check_keys(place: &Place, declaration: &LawDeclaration) -> Result<()> {
    let name = declaration.law.as_str();
    if name.is_empty() {
        return error(
            place,
            "this says no law.",
            "Write for example { law = \"exponential\", mean = \"1ms\" }.",
        );
    }
    let Some((_, required, optional)) = grammar::LAWS.iter().find(|(known, ..)| *known == name)
    else {
        return unknown(
            &place.key("law"),
            format!("there is no law \"{name}\"."),
            "laws",
            name,
            grammar::LAWS.iter().map(|(known, ..)| *known),
        );
    };
    let keys: Vec<&str> = required.iter().chain(*optional).copied().collect();
    let takes = format!("The law \"{name}\" takes: {}.", keys.join(", "));
    let given = given(declaration);
    for key in &given {
        if !keys.contains(key) {
            return Err(WorkloadError {
                place: place.key(key),
                message: format!("the law \"{name}\" does not take `{key}`."),
                help: takes,
                name: Some(WrongName {
                    given: (*key).to_owned(),
                    known: keys.into_iter().map(str::to_owned).collect(),
                }),
            });
        }
    }
    for key in *required {
        if given.contains(key) {
            continue;
        }
        if *key == "values" && given.contains(&"file") {
            return error(
                &place.key("file"),
                "the values are in a file, and nobody has read it.",
                "Give this scenario to the command as a file, with the file of the values beside it.",
            );
        }
        return error(place, format!("the law \"{name}\" needs `{key}`."), takes);
    }
    Ok(())
}

/// The keys that a law has, beside its name. What serialises is what is there.
fn given(declaration: &LawDeclaration) -> Vec<&'static str> {
    match serde_json::to_value(declaration) {
        Ok(serde_json::Value::Object(map)) => {
            map.keys().filter_map(|key| grammar::law_key(key)).collect()
        }
        _ => Vec::new(),
    }
}

/// The times and shares of the machine.
pub(super) fn check_machine(machine: &Machine) -> Result<()> {
    let place = Place::default().key("machine");
    let times = [
        ("quantum", machine.quantum),
        ("switch", machine.switch),
        ("wake", machine.wake),
    ];
    for (key, time) in times {
        if time == Some(Time::Infinite) {
            return error(
                &place.key(key),
                format!("the machine's {key} cannot be infinite."),
                "Give a time such as \"10us\", or leave it out.",
            );
        }
    }
    if machine.processors == Some(0) {
        return error(
            &place.key("processors"),
            "a machine without processors does nothing.",
            "Give it one or more; leave it out for one for each thread.",
        );
    }
    if machine.quantum == Some(Time::Nanoseconds(0)) {
        return error(
            &place.key("quantum"),
            "in a quantum of 0 nobody gets anything done.",
            "Give a time such as \"20ms\"; leave it out if threads keep their processors.",
        );
    }
    if let Some(background) = machine.background
        && !(0.0..1.0).contains(&background)
    {
        return error(
            &place.key("background"),
            format!("other work cannot take a share of {background} of a processor."),
            "Give a share from 0 to less than 1, such as 0.2.",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Op, Program, Workload};

    fn compute(law: serde_json::Value) -> std::result::Result<Law, String> {
        let workload: Workload = serde_json::from_value(serde_json::json!({
            "name": "laws",
            "thread": [{"name": "t", "program": [{"compute": law}]}]
        }))
        .map_err(|error| error.to_string())?;
        let again = serde_json::to_value(&workload).expect("a value");
        assert_eq!(
            serde_json::from_value::<Workload>(again).expect("a workload"),
            workload
        );
        let program = Program::compile(&workload).map_err(|error| error.to_string())?;
        match &program.codes[0].ops[0] {
            Op::Compute(law) => Ok(law.clone()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_law_is_read() {
        let laws = [
            (serde_json::json!("1ms"), Law::Constant(1_000_000)),
            (
                serde_json::json!({"law": "constant", "mean": "1ms"}),
                Law::Constant(1_000_000),
            ),
            (
                serde_json::json!({"law": "exponential", "mean": "1ms"}),
                Law::Exponential { mean_ns: 1_000_000 },
            ),
            (
                serde_json::json!({"law": "uniform", "from": 0, "to": "3us"}),
                Law::Uniform {
                    from_ns: 0,
                    to_ns: 3_000,
                },
            ),
            (
                serde_json::json!({"law": "log-normal", "mean": "1us", "deviation": "2us"}),
                Law::LogNormal {
                    mean_ns: 1_000,
                    deviation_ns: 2_000,
                },
            ),
            (
                serde_json::json!({"law": "pareto", "mean": "1us", "shape": 2.5}),
                Law::Pareto {
                    mean_ns: 1_000,
                    shape: 2.5,
                },
            ),
            (
                serde_json::json!({"law": "erlang", "mean": "1us", "stages": 3}),
                Law::Erlang {
                    mean_ns: 1_000,
                    stages: 3,
                },
            ),
            (
                serde_json::json!({"law": "empirical", "values": ["1us", "2us"]}),
                Law::Empirical([1_000, 2_000].into()),
            ),
            (
                serde_json::json!({"law": "sequence", "values": [0, "2us"]}),
                Law::Sequence([0, 2_000].into()),
            ),
        ];
        for (written, law) in laws {
            assert_eq!(compute(written), Ok(law));
        }
    }

    #[test]
    fn what_is_wrong_with_a_law_is_said_in_its_place() {
        let wrong = [
            (
                serde_json::json!({"law": "pareto", "mean": "1us", "shape": 1}),
                "thread[0].program[0].compute.shape: a Pareto law of shape 1 has no mean.",
            ),
            (
                serde_json::json!({"law": "empirical", "values": []}),
                "thread[0].program[0].compute.values: a law without values has no mean.",
            ),
            (
                serde_json::json!({"law": "sequence", "file": "gaps.csv"}),
                "thread[0].program[0].compute.file: the values are in a file",
            ),
            (
                serde_json::json!({"law": "exponential", "mean": 0}),
                "thread[0].program[0].compute.mean: a law of mean 0",
            ),
            (
                serde_json::json!({"law": "exponential", "mean": "infinite"}),
                "thread[0].program[0].compute.mean: the mean of a law cannot be infinite.",
            ),
            (
                serde_json::json!({"law": "exponential", "mean": "1ms", "shape": 2}),
                "thread[0].program[0].compute.shape: the law \"exponential\" does not take `shape`.",
            ),
            (
                serde_json::json!({"law": "exponential"}),
                "thread[0].program[0].compute: the law \"exponential\" needs `mean`.",
            ),
            (
                serde_json::json!({"law": "gauss", "mean": "1ms"}),
                "thread[0].program[0].compute.law: there is no law \"gauss\".",
            ),
            (
                serde_json::json!({"law": "uniform", "from": "2us", "to": "1us"}),
                "thread[0].program[0].compute.to: a uniform law goes from",
            ),
            (
                serde_json::json!({"law": "erlang", "mean": "1us", "stages": 0}),
                "thread[0].program[0].compute.stages: an Erlang law has",
            ),
            (
                serde_json::json!({"law": "log-normal", "mean": "1us", "deviation": 0}),
                "thread[0].program[0].compute.deviation: a log-normal law",
            ),
            (
                serde_json::json!({"mean": "1ms"}),
                "thread[0].program[0].compute: this says no law.",
            ),
            (serde_json::json!(1), "a time with its unit"),
        ];
        for (written, message) in wrong {
            let told = compute(written.clone()).expect_err("a wrong law");
            assert!(told.contains(message), "{written}: {told}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_machine_is_said_in_its_place() {
        let machine = |machine: serde_json::Value| {
            let workload: Workload = serde_json::from_value(serde_json::json!({
                "name": "machine", "machine": machine,
                "thread": [{"name": "t", "program": []}]
            }))
            .expect("a workload");
            Program::compile(&workload)
                .map(|_| ())
                .map_err(|error| error.place.to_string())
        };
        assert_eq!(
            machine(serde_json::json!({
                "quantum": "20ms", "switch": "2us", "wake": 0, "background": 0.2
            })),
            Ok(())
        );
        for (key, value) in [
            ("quantum", serde_json::json!(0)),
            ("switch", serde_json::json!("infinite")),
            ("wake", serde_json::json!("infinite")),
            ("background", serde_json::json!(1.0)),
            ("background", serde_json::json!(-0.1)),
        ] {
            let mut wrong = serde_json::Map::new();
            wrong.insert(key.into(), value);
            assert_eq!(machine(wrong.into()), Err(format!("machine.{key}")),);
        }
    }
}
