//! Which combinations of values are kept: `threads = ">= limit"`.

use std::fmt;

/// What must hold of a point, or it is left out.
#[derive(Clone, PartialEq, Debug)]
pub struct Condition {
    /// The parameter.
    pub key: String,
    relation: Relation,
    factor: f64,
    /// Another parameter; without one, the factor is the number itself.
    other: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Relation {
    AtLeast,
    AtMost,
    More,
    Less,
    Equal,
    Unequal,
}

/// The relations, the longer signs first.
const RELATIONS: [(&str, Relation); 6] = [
    (">=", Relation::AtLeast),
    ("<=", Relation::AtMost),
    ("==", Relation::Equal),
    ("!=", Relation::Unequal),
    (">", Relation::More),
    ("<", Relation::Less),
];

impl Condition {
    /// What is said of the parameter `key`: a relation, and a number, another parameter, or so many
    /// times another parameter.
    ///
    /// # Errors
    /// What to write instead.
    pub(super) fn parse(key: &str, text: &str) -> Result<Self, String> {
        let says = || {
            format!(
                "\"{text}\" is no condition; write a relation (>=, <=, >, <, ==, !=) and a number or \
                 another parameter, as in \">= limit\" or \"<= 2 * limit\""
            )
        };
        let text = text.trim();
        let relation = RELATIONS.iter().find(|(sign, _)| text.starts_with(sign));
        let (sign, relation) = relation.ok_or_else(says)?;
        let rest = text[sign.len()..].trim();
        let number = |text: &str| text.trim().parse().ok().filter(|n: &f64| n.is_finite());
        let (factor, other) = match (number(rest), rest.split_once('*')) {
            (Some(number), _) => (number, None),
            (None, Some((factor, other))) => {
                let other = Some(other.trim().to_owned());
                (number(factor).ok_or_else(says)?, other)
            }
            (None, None) => (1.0, Some(rest.to_owned())),
        };
        match &other {
            Some(name) if name.is_empty() || name.contains(char::is_whitespace) => Err(says()),
            _ => Ok(Self {
                key: key.to_owned(),
                relation: *relation,
                factor,
                other,
            }),
        }
    }

    /// The other parameter, if there is one.
    pub(super) fn other(&self) -> Option<&str> {
        self.other.as_deref()
    }

    /// Does it hold, where the parameters have these values?
    pub(super) fn holds(&self, value: &dyn Fn(&str) -> f64) -> bool {
        let this = value(&self.key);
        let that = self.factor * self.other().map_or(1.0, value);
        match self.relation {
            Relation::AtLeast => this >= that,
            Relation::AtMost => this <= that,
            Relation::More => this > that,
            Relation::Less => this < that,
            Relation::Equal => this == that,
            Relation::Unequal => this != that,
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = RELATIONS
            .iter()
            .find(|(_, relation)| *relation == self.relation);
        let sign = sign.map_or("", |(sign, _)| sign);
        write!(f, "{} {sign} ", self.key)?;
        match &self.other {
            None => self.factor.fmt(f),
            Some(name) if self.factor == 1.0 => f.write_str(name),
            Some(name) => write!(f, "{} * {name}", self.factor),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_compare() {
        let holds = |text: &str| {
            let condition = Condition::parse("threads", text).expect(text);
            assert_eq!(condition.to_string(), format!("threads {text}"));
            condition.holds(&|key| if key == "threads" { 8.0 } else { 4.0 })
        };
        for text in [
            ">= limit",
            "> limit",
            "<= 2 * limit",
            "!= limit",
            "== 8",
            "< 9",
        ] {
            assert!(holds(text), "{text}");
        }
        for text in [
            "< limit",
            "<= limit",
            "> 2 * limit",
            "== limit",
            "!= 8",
            ">= 9",
        ] {
            assert!(!holds(text), "{text}");
        }
        for text in [
            "",
            "limit",
            "=> limit",
            ">=",
            ">= x * limit",
            ">= limit 2",
            "= 4",
        ] {
            assert!(Condition::parse("threads", text).is_err(), "{text}");
        }
    }
}
