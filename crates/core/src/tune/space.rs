//! What may vary, and over which values.

use crate::random::{Stream, below, uniform};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// On or off.
    Switch(bool),
    /// A whole number.
    Integer(i64),
    /// Any number.
    Number(f64),
    /// A name.
    Text(String),
}

impl Value {
    /// The value of a number, whole or not.
    pub fn as_number(&self) -> Option<f64> {
        match *self {
            Self::Integer(value) => Some(value as f64),
            Self::Number(value) => Some(value),
            Self::Switch(_) | Self::Text(_) => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            // The shortest text that reads back as the same number.
            Self::Number(value) if *value != 0.0 && !(1e-3..1e6).contains(&value.abs()) => write!(f, "{value:e}"),
            Self::Number(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
        }
    }
}

/// Numbers from `low` to `high`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// The smallest.
    pub low: f64,
    /// The largest.
    pub high: f64,
    /// Whether equal ratios are equally likely, instead of equal differences.
    pub log: bool,
    /// Whether only whole numbers are meant.
    pub integer: bool,
}

impl Range {
    /// The ends on the scale on which draws are even. A whole number owns the half unit on each side of it.
    pub(super) fn ends(&self) -> (f64, f64) {
        let half = if self.integer { 0.5 } else { 0.0 };
        (self.scaled(self.low - half), self.scaled(self.high + half))
    }

    pub(super) fn scaled(&self, value: f64) -> f64 {
        if self.log { value.ln() } else { value }
    }

    /// The value at a place on the scale.
    pub(super) fn value(&self, scaled: f64) -> Value {
        let value = if self.log { scaled.exp() } else { scaled };
        if self.integer {
            Value::Integer(value.round().clamp(self.low, self.high) as i64)
        } else {
            // Three digits are more than a search can tell apart, and they can be read.
            let rounded = format!("{value:.2e}").parse().unwrap_or(value);
            Value::Number(f64::clamp(rounded, self.low, self.high))
        }
    }
}

/// The values of one parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Domain {
    /// These and no others.
    Values(Vec<Value>),
    /// Numbers between two ends.
    Range(Range),
}

impl Domain {
    /// A value, each equally likely on the scale of the domain.
    pub(super) fn draw(&self, rng: &mut Stream) -> Value {
        match self {
            Self::Values(values) => values[below(rng, values.len())].clone(),
            Self::Range(range) => {
                let (low, high) = range.ends();
                range.value(low + uniform(rng) * (high - low))
            }
        }
    }

    fn fault(&self) -> Option<String> {
        match self {
            Self::Values(values) if values.is_empty() => Some("expected at least one of values, found none".into()),
            Self::Values(values) => {
                let twice = (1..values.len()).find(|&i| values[..i].contains(&values[i]))?;
                Some(format!("expected different values, found {} twice", values[twice]))
            }
            Self::Range(Range { low, high, log, integer }) => {
                if !(low.is_finite() && high.is_finite() && low < high) {
                    Some(format!("expected low below high, found {low} and {high}"))
                } else if *log && *low <= 0.0 {
                    Some(format!("expected low above 0 for a log scale, found {low}"))
                } else if *integer && (low.fract() != 0.0 || high.fract() != 0.0 || low.abs().max(high.abs()) > 1e15) {
                    Some(format!("expected whole numbers low and high, found {low} and {high}"))
                } else {
                    None
                }
            }
        }
    }
}

/// A setting that varies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name, such as `learning_rate` or `layer.1.filters`.
    pub name: String,
    /// Its values.
    pub domain: Domain,
}

/// Why a space cannot be searched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpaceError {
    /// Nothing varies.
    #[error("expected at least one setting that varies, found none")]
    Empty,
    /// A name stands for two settings.
    #[error("{name}: expected once, found twice")]
    Twice {
        /// The name.
        name: String,
    },
    /// The values of a setting contradict themselves.
    #[error("{name}: {fault}")]
    Domain {
        /// The setting.
        name: String,
        /// What is wrong.
        fault: String,
    },
}

/// All that varies, in an order that decides what is drawn for each.
#[derive(Clone, Debug, PartialEq)]
pub struct Space {
    parameters: Vec<Parameter>,
}

impl Space {
    /// # Errors
    /// See [`SpaceError`].
    pub fn new(parameters: Vec<Parameter>) -> Result<Self, SpaceError> {
        if parameters.is_empty() {
            return Err(SpaceError::Empty);
        }
        let mut names = BTreeSet::new();
        for Parameter { name, domain } in &parameters {
            if let Some(fault) = domain.fault() {
                return Err(SpaceError::Domain { name: name.clone(), fault });
            }
            if !names.insert(name) {
                return Err(SpaceError::Twice { name: name.clone() });
            }
        }
        Ok(Self { parameters })
    }

    /// What varies; at least one.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::stream;

    fn fault(domain: Domain) -> String {
        Space::new(vec![Parameter { name: "x".into(), domain }]).unwrap_err().to_string()
    }

    fn range(low: f64, high: f64, log: bool, integer: bool) -> Domain {
        Domain::Range(Range { low, high, log, integer })
    }

    #[test]
    fn spaces_that_contradict_themselves_are_refused() {
        assert_eq!(Space::new(vec![]), Err(SpaceError::Empty));
        assert!(fault(Domain::Values(vec![])).contains("x: expected at least one of values"));
        assert!(fault(Domain::Values(vec![Value::Integer(1), Value::Integer(1)])).contains("found 1 twice"));
        assert!(fault(range(2.0, 2.0, false, false)).contains("low below high"));
        assert!(fault(range(f64::NAN, 2.0, false, false)).contains("low below high"));
        assert!(fault(range(0.0, 2.0, true, false)).contains("above 0"));
        assert!(fault(range(0.5, 2.0, false, true)).contains("whole numbers"));
        let twice = Parameter { name: "x".into(), domain: range(0.0, 1.0, false, false) };
        assert_eq!(Space::new(vec![twice.clone(), twice]), Err(SpaceError::Twice { name: "x".into() }));
    }

    #[test]
    fn both_ends_of_whole_numbers_are_as_likely_as_the_others() {
        let domain = range(1.0, 4.0, false, true);
        let mut rng = stream(1, "test", &[]);
        let mut counts = [0usize; 4];
        for _ in 0..8000 {
            let Value::Integer(value) = domain.draw(&mut rng) else { panic!("a whole number") };
            counts[value as usize - 1] += 1;
        }
        assert!(counts.iter().all(|count| count.abs_diff(2000) < 150), "{counts:?}");
    }

    #[test]
    fn draws_stay_within_the_ends() {
        let mut rng = stream(2, "test", &[]);
        for domain in [range(0.1234, 0.1235, false, false), range(1.0, 3.0, true, true), range(-5.0, 5.0, false, false)]
        {
            let Domain::Range(Range { low, high, .. }) = domain else { panic!("a range") };
            for _ in 0..1000 {
                let value = domain.draw(&mut rng).as_number().unwrap();
                assert!((low..=high).contains(&value), "{value}");
            }
        }
    }

    #[test]
    fn values_read_back_as_themselves() {
        for value in [Value::Number(1e-5), Value::Number(0.25), Value::Integer(-3), Value::Switch(true)] {
            let json = serde_json::to_string(&value).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), value);
        }
        assert_eq!(Value::Number(1.5e-4).to_string(), "1.5e-4");
        assert_eq!(Value::Number(0.0).to_string(), "0");
        assert_eq!(Value::Text("cnn".into()).to_string(), "cnn");
    }
}
