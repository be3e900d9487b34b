//! What experiments on a model share: what they watch, where, and at what cost.

use crate::failure::user;
use crate::printer::Printer;
use crate::shared_args::output_index;
use crate::trained::TrainedModel;
use anyhow::Result;
use basewise_core::average::Ensemble;
use basewise_core::perturb::Watched;
use basewise_core::{Predict, Task};
use clap::Args;
use std::ops::Range;

/// The score, the positions and the way of an experiment.
#[derive(Args)]
pub(crate) struct WatchArgs {
    /// Watch by how much --target is above this output
    #[arg(long, value_name = "NAME")]
    pub(crate) minus: Option<String>,
    /// Change only these positions of the window: 0-based, the end not among them [default: all]
    #[arg(long, value_name = "START-END")]
    pub(crate) region: Option<String>,
    /// Whole passes for every changed copy, as a check of what is left out otherwise
    #[arg(long)]
    pub(crate) plain: bool,
}

impl WatchArgs {
    /// The flag that was given, if one was.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let flags = [(self.minus.is_some(), "--minus"), (self.region.is_some(), "--region"), (self.plain, "--plain")];
        flags.into_iter().find(|(given, _)| *given).map(|(_, flag)| flag)
    }

    /// The score that is watched, and its name.
    pub(crate) fn watched(&self, tasks: &[Task], target: Option<&str>) -> Result<(Watched, String)> {
        let (output, name) = output_index(tasks, target)?;
        let Some(minus) = &self.minus else { return Ok((output.into(), name)) };
        let (minus, other) = output_index(tasks, Some(minus))?;
        if minus == output {
            return Err(user(format!("expected --minus of another output than --target, found {name} twice"), None));
        }
        Ok((Watched { output, minus: Some(minus) }, format!("{name} - {other}")))
    }

    /// The region within `length` positions.
    pub(crate) fn region(&self, length: usize) -> Result<Range<usize>> {
        let Some(text) = &self.region else { return Ok(0..length) };
        let ends = text.split_once('-').and_then(|(start, end)| Some((start.parse().ok()?, end.parse().ok()?)));
        match ends {
            Some((start, end)) if start < end && end <= length => Ok(start..end),
            _ => Err(user(
                format!("expected --region START-END within 0-{length}, found {text:?}"),
                Some("positions count from 0, and END is not among them: 0-3 are the first three"),
            )),
        }
    }
}

/// Says what share of a pass a substitution takes, if copies do with less than whole passes.
pub(crate) fn tell_share(models: &Ensemble<TrainedModel>, plain: bool, printer: &Printer) {
    let networks: Vec<_> = models.members().iter().filter_map(TrainedModel::as_network).collect();
    if networks.is_empty() || plain {
        return;
    }
    let share = networks.iter().map(|model| model.edit_share()).sum::<f64>() / networks.len() as f64;
    let spread = networks.iter().find_map(|model| model.edit_spread());
    let percent = if share < 0.095 { format!("{:.1} %", 100.0 * share) } else { format!("{:.0} %", 100.0 * share) };
    let from = spread.map_or(String::new(), |layer| format!("; from a layer {layer} on it changes every position"));
    printer.talk(&format!("a substitution takes about {percent} of a pass{from}"));
}

/// A region of the window, counted as an average over shifts reads it: from the start of the margin.
pub(crate) fn with_margin(region: &Range<usize>, model: &dyn Predict) -> Range<usize> {
    region.start + model.margin()..region.end + model.margin()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(region: Option<&str>, minus: Option<&str>) -> WatchArgs {
        WatchArgs { minus: minus.map(Into::into), region: region.map(Into::into), plain: false }
    }

    #[test]
    fn regions_lie_within_the_window() {
        assert_eq!(args(None, None).region(10).unwrap(), 0..10);
        assert_eq!(args(Some("0-3"), None).region(10).unwrap(), 0..3);
        assert_eq!(args(Some("9-10"), None).region(10).unwrap(), 9..10);
        for text in ["3-3", "5-2", "0-11", "3", "a-b", "-4", "1-2-3", ""] {
            let error = args(Some(text), None).region(10).unwrap_err().to_string();
            assert!(error.contains("within 0-10"), "{text}: {error}");
        }
    }

    #[test]
    fn a_contrast_is_of_two_outputs() {
        let task = |name: &str| Task { name: name.into(), kind: basewise_core::TaskKind::Regression };
        let tasks = [task("a"), task("b")];
        let (watched, name) = args(None, Some("b")).watched(&tasks, Some("a")).unwrap();
        assert_eq!((watched, name.as_str()), (Watched { output: 0, minus: Some(1) }, "a - b"));
        let (watched, name) = args(None, None).watched(&tasks, Some("b")).unwrap();
        assert_eq!((watched, name.as_str()), (1.into(), "b"));
        assert!(args(None, Some("a")).watched(&tasks, None).unwrap_err().to_string().contains("another output"));
        assert!(args(None, Some("c")).watched(&tasks, None).is_err());
    }
}
