//! What a design is to reach.

use crate::failure::user;
use crate::shared_args::output_index;
use anyhow::Result;
use basewise_core::design::Aim;
use basewise_core::{Task, TaskKind};

/// An output and where it is to go.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Goal {
    /// Column of the raw scores.
    pub(super) output: usize,
    pub(super) name: String,
    pub(super) aim: Aim,
    scale: Scale,
}

/// How a prediction follows from a raw score, where it follows from one alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    Probability,
    Count,
    Same,
    /// Of classes or bins.
    Several,
}

impl Goal {
    /// Reads `TASK=high`, `TASK=low` or `TASK=NUMBER`.
    pub(super) fn parse(text: &str, tasks: &[Task]) -> Result<Self> {
        let (name, aim) = text.rsplit_once('=').ok_or_else(|| {
            user(format!("expected --target TASK=high, TASK=low or TASK=NUMBER, found {text:?}"), None)
        })?;
        let (output, name) = output_index(tasks, Some(name))?;
        let scale = scale_of(tasks, output);
        let aim = match aim {
            "high" => Aim::High,
            "low" => Aim::Low,
            number => Aim::Value(raw(scale, number, &name)?),
        };
        Ok(Self { output, name, aim, scale })
    }

    /// What a raw score predicts, if it does so alone.
    pub(super) fn prediction(&self, score: f32) -> Option<f64> {
        let score = f64::from(score);
        match self.scale {
            Scale::Probability => Some(1.0 / (1.0 + (-score).exp())),
            Scale::Count => Some(score.exp()),
            Scale::Same => Some(score),
            Scale::Several => None,
        }
    }
}

fn scale_of(tasks: &[Task], output: usize) -> Scale {
    let mut first = 0;
    for task in tasks {
        first += task.outputs();
        if output < first {
            return match task.kind {
                TaskKind::Binary => Scale::Probability,
                TaskKind::Counts => Scale::Count,
                TaskKind::Regression => Scale::Same,
                TaskKind::Classes { .. } | TaskKind::Profile(_) => Scale::Several,
            };
        }
    }
    Scale::Several
}

/// The raw score that predicts a number.
fn raw(scale: Scale, text: &str, name: &str) -> Result<f64> {
    let (expected, value) = match (scale, text.parse::<f64>()) {
        (Scale::Probability, Ok(p)) if p > 0.0 && p < 1.0 => return Ok((p / (1.0 - p)).ln()),
        (Scale::Count, Ok(count)) if count > 0.0 && count.is_finite() => return Ok(count.ln()),
        (Scale::Same, Ok(value)) if value.is_finite() => return Ok(value),
        (Scale::Probability, _) => ("high, low or a probability between 0 and 1", text),
        (Scale::Count, _) => ("high, low or a count above 0", text),
        (Scale::Same, _) => ("high, low or a number", text),
        (Scale::Several, _) => ("high or low", text),
    };
    Err(user(format!("--target: expected {expected} for {name}, found {value:?}"), None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_on_the_scale_of_predictions() {
        let task = |name: &str, kind| Task { name: name.into(), kind };
        let classes = TaskKind::Classes { classes: vec!["a".into(), "b".into()] };
        let tasks = [
            task("yes", TaskKind::Binary),
            task("kind", classes),
            task("number", TaskKind::Regression),
            task("reads", TaskKind::Counts),
        ];
        let parse = |text: &str| Goal::parse(text, &tasks);
        assert_eq!(parse("yes=high").unwrap().aim, Aim::High);
        assert_eq!((parse("kind:b=low").unwrap().output, parse("kind:b=low").unwrap().aim), (2, Aim::Low));
        assert_eq!(parse("yes=0.5").unwrap().aim, Aim::Value(0.0));
        assert_eq!(parse("number=-3").unwrap().aim, Aim::Value(-3.0));
        assert_eq!(parse("reads=1").unwrap().aim, Aim::Value(0.0));
        assert_eq!(parse("yes=high").unwrap().prediction(0.0), Some(0.5));
        assert_eq!(parse("kind:a=high").unwrap().prediction(0.0), None);
        for (text, said) in [
            ("yes", "TASK=high"),
            ("no=high", "an output of the model"),
            ("yes=1.5", "between 0 and 1"),
            ("kind:a=0.5", "high or low"),
            ("reads=0", "above 0"),
            ("number=x", "a number"),
        ] {
            assert!(parse(text).unwrap_err().to_string().contains(said), "{text}");
        }
    }
}
