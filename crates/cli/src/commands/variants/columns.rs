//! The fields of the output, and the values of an allele from raw scores of the models.

use super::attribution::AttributionArg;
use super::status::Status;
use crate::failure::user;
use anyhow::Result;
use basewise_core::variants::empirical_p;
use basewise_core::variants::scores::{Output, Score, outputs};
use basewise_core::{Matrix, Task};
use basewise_io::variants::{FieldKind, InfoField, Value};
use std::collections::BTreeMap;
use std::ops::Range;

/// Raw scores of a neighbourhood: of its reference and of its edits.
pub(super) struct Raw {
    /// Of the models together.
    pub(super) mean: Matrix,
    /// Of each alone.
    pub(super) members: Vec<Matrix>,
}

/// Which fields there are.
pub(super) struct Columns {
    prefix: String,
    /// The outputs that are asked for.
    pub(super) outputs: Vec<Output>,
    /// What the names of an output's fields end in.
    endings: Vec<String>,
    /// Models that predict together.
    members: usize,
    /// Absolute main scores of null variants in rising order, a list for each output.
    pub(super) null: Option<Vec<Vec<f64>>>,
    /// Whether motifs that come and go are told.
    pub(super) motifs: bool,
    /// How contributions of bases are told, if their changes are.
    pub(super) attribution: Option<AttributionArg>,
}

impl Columns {
    /// `targets` are names of outputs; all if there is none.
    pub(super) fn new(tasks: &[Task], targets: &[String], members: usize, name: Option<&str>) -> Result<Self> {
        let prefix = match name {
            None => "BW".to_owned(),
            Some(name) if !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.".contains(&b)) => {
                format!("BW_{name}")
            }
            Some(name) => {
                return Err(user(format!("expected a --name of letters, digits, _ and ., found {name:?}"), None));
            }
        };
        let all = outputs(tasks);
        let names = || all.iter().map(|output| output.name.as_str()).collect::<Vec<_>>().join(", ");
        let find = |target: &String| {
            all.iter().find(|output| output.name == *target).cloned().ok_or_else(|| {
                user(
                    format!("expected an output of the model, found {target:?}"),
                    Some(&format!("its outputs are {}", names())),
                )
            })
        };
        let outputs = if targets.is_empty() { all.clone() } else { targets.iter().map(find).collect::<Result<_>>()? };
        let endings = endings(&outputs);
        Ok(Self { prefix, outputs, endings, members, null: None, motifs: false, attribution: None })
    }

    /// The name of a field of an output; the output is part of it where there are several.
    fn id(&self, output: usize, what: &str) -> String {
        format!("{}_{what}{}", self.prefix, self.endings[output])
    }

    /// The fields, in the order of the values.
    pub(super) fn fields(&self) -> Vec<InfoField> {
        let (number, text) = (FieldKind::Number, FieldKind::Text);
        let field = |id, kind, description| InfoField { id, kind, description };
        let status = format!("What became of the allele. {}", Status::glossary());
        let mut fields = vec![field(format!("{}_STATUS", self.prefix), text, status)];
        for (i, output) in self.outputs.iter().enumerate() {
            for &score in output.scores() {
                let id = self.id(i, word(score));
                let meant = format!("{}: {}", output.name, meaning(score));
                fields.push(field(id.clone(), number, meant.clone()));
                if self.has_spread(score) {
                    let meant = format!("{meant}; standard deviation over {} models", self.members);
                    fields.push(field(format!("{id}_SD"), number, meant));
                }
            }
            if let Some(null) = &self.null {
                let main = self.id(i, word(output.main_score()));
                let meant = format!(
                    "{}: empirical p-value of {main}, two-sided, against {} null substitutions",
                    output.name,
                    null[i].len()
                );
                fields.push(field(self.id(i, "P"), number, meant));
            }
        }
        if self.motifs {
            for (what, how) in [("GAIN", "rises"), ("LOSS", "falls")] {
                let meant = format!("The motif whose best score around the variant {how} most, and by how many bits");
                fields.push(field(format!("{}_MOTIF_{what}", self.prefix), text, meant));
            }
        }
        if let Some(method) = self.attribution {
            for (i, output) in self.outputs.iter().enumerate() {
                for (what, kind, meant) in method.fields() {
                    fields.push(field(self.id(i, what), kind, format!("{}: {meant}", output.name)));
                }
            }
        }
        fields
    }

    /// The number of the field that holds the main score of an output.
    pub(super) fn main_field(&self, output: usize) -> usize {
        let id = self.id(output, word(self.outputs[output].main_score()));
        self.fields().iter().position(|field| field.id == id).unwrap_or(0)
    }

    fn has_spread(&self, score: Score) -> bool {
        self.members > 1 && !matches!(score, Score::Reference | Score::Alternate)
    }

    /// The scores of an output: row 0 is the reference, `rows` are the ways to put the allele into the window, over which
    /// scores are averaged. Of an ensemble their spread over what each member says alone follows, in the same order.
    pub(super) fn scores(&self, output: &Output, raw: &Raw, rows: Range<usize>) -> (Vec<f64>, Vec<f64>) {
        let score = |matrix: &Matrix| {
            let ways: Vec<Vec<f64>> = rows.clone().map(|row| output.compare(matrix.row(0), matrix.row(row))).collect();
            let mean = |i: usize| ways.iter().map(|way| way[i]).sum::<f64>() / ways.len() as f64;
            (0..output.scores().len()).map(mean).collect::<Vec<f64>>()
        };
        let each: Vec<Vec<f64>> = if self.members > 1 { raw.members.iter().map(score).collect() } else { Vec::new() };
        let spread = |i: usize| {
            let n = each.len() as f64;
            let own = each.iter().map(|scores| scores[i]);
            let centre = own.clone().sum::<f64>() / n;
            (own.map(|x| (x - centre).powi(2)).sum::<f64>() / (n - 1.0)).sqrt()
        };
        let spreads = if each.is_empty() { Vec::new() } else { (0..output.scores().len()).map(spread).collect() };
        (score(&raw.mean), spreads)
    }

    /// The values of an allele that was scored, without those of motifs and attributions.
    pub(super) fn values(&self, status: Status, raw: &Raw, rows: Range<usize>) -> Vec<Value> {
        let mut values = vec![Value::Text(status.word().to_owned())];
        let number = |x: f64| Value::Number(x as f32);
        for (i, output) in self.outputs.iter().enumerate() {
            let (mut scores, spreads) = self.scores(output, raw, rows.clone());
            if status == Status::Swapped {
                scores.swap(0, 1);
                scores.iter_mut().zip(output.scores()).for_each(|(value, score)| *value *= score.sign());
            }
            for (column, (&score, &value)) in output.scores().iter().zip(&scores).enumerate() {
                values.push(number(value));
                if self.has_spread(score) {
                    values.push(number(spreads[column]));
                }
            }
            if let Some(null) = &self.null {
                values.push(number(empirical_p(&null[i], main_of(output, &scores))));
            }
        }
        values
    }
}

/// The values, of `width` fields, of an allele that was not scored.
pub(super) fn unscored(status: Status, width: usize) -> Vec<Value> {
    let mut values = vec![Value::Missing; width];
    values[0] = Value::Text(status.word().to_owned());
    values
}

/// What fields of each output end in: nothing if there is only one, else its name in letters that a field can hold.
fn endings(outputs: &[Output]) -> Vec<String> {
    if outputs.len() == 1 {
        return vec![String::new()];
    }
    let legal = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '_' };
    let names: Vec<String> = outputs.iter().map(|output| output.name.chars().map(legal).collect()).collect();
    let mut shared = BTreeMap::<&str, usize>::new();
    names.iter().for_each(|name| *shared.entry(name).or_default() += 1);
    // Names that differ only in what a field cannot hold are told apart by number.
    let ending = |(i, name): (usize, &String)| {
        if shared[name.as_str()] > 1 { format!("_{name}_{}", i + 1) } else { format!("_{name}") }
    };
    names.iter().enumerate().map(ending).collect()
}

/// The main score among the scores of an output.
pub(super) fn main_of(output: &Output, scores: &[f64]) -> f64 {
    output.scores().iter().position(|&score| score == output.main_score()).map_or(f64::NAN, |i| scores[i])
}

/// The end of a field's name.
fn word(score: Score) -> &'static str {
    match score {
        Score::Reference => "REF",
        Score::Alternate => "ALT",
        Score::Difference => "DIFF",
        Score::LogFoldChange => "LFC",
        Score::LogOddsChange => "LOGODDS",
        Score::Divergence => "JSD",
        Score::Shift => "SHIFT",
    }
}

fn meaning(score: Score) -> &'static str {
    match score {
        Score::Reference => "prediction for the reference sequence",
        Score::Alternate => "prediction for the alternate sequence",
        Score::Difference => "difference of predictions, alternate minus reference",
        Score::LogFoldChange => {
            "log2 fold change of predictions, alternate over reference (totals of signal: of one more than each)"
        }
        Score::LogOddsChange => "change of the log odds (natural logarithm), alternate minus reference",
        Score::Divergence => "Jensen-Shannon distance of the shapes of the signal (natural logarithm), 0 to 0.833",
        Score::Shift => "shift of the signal's centre of mass, in bases along the contig",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_field_cannot_tell_apart_are_numbered() {
        let task = |name: &str| Task { name: name.into(), kind: basewise_core::TaskKind::Regression };
        let columns = |names: &[&str]| {
            let tasks: Vec<Task> = names.iter().map(|name| task(name)).collect();
            Columns::new(&tasks, &[], 1, None).unwrap()
        };
        let several = columns(&["a b", "liver", "a-b"]);
        let ids: Vec<String> = (0..3).map(|i| several.id(i, "REF")).collect();
        assert_eq!(ids, ["BW_REF_a_b_1", "BW_REF_liver", "BW_REF_a_b_3"]);
        assert_eq!(columns(&["a b"]).id(0, "REF"), "BW_REF");
    }
}
