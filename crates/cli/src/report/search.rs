//! The page of a search for settings: what was tried, and what did best.

use super::charts::{Axis, LineChart, ParallelLine, Series, Ticked, line_chart, parallel};
use super::data::ReportData;
use super::markup::{Markup, tag};
use super::number::{self, counted, metric_name};
use super::page::{Context, framed, scroll};
use serde::{Deserialize, Serialize};

/// What the page shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SearchReport {
    /// Heading of the page.
    pub(crate) title: String,
    /// Version of basewise that wrote the page.
    pub(crate) version: String,
    /// Command line that wrote the page.
    pub(crate) generated_by: String,
    /// How settings were chosen, in words.
    pub(crate) method: String,
    /// The data set, as it was given.
    pub(crate) data: String,
    /// `loss`, or the key of the metric that trials are compared by.
    pub(crate) figure: String,
    /// Whether a lower figure is better.
    pub(crate) lower_is_better: bool,
    /// Number of the best trial.
    pub(crate) best: usize,
    /// What varied.
    pub(crate) axes: Vec<SearchAxis>,
    /// The trials by their numbers.
    pub(crate) trials: Vec<SearchTrial>,
    /// Numbers of the trials, the best first.
    pub(crate) order: Vec<usize>,
    /// The configuration of the best trial, as TOML.
    pub(crate) config: String,
}

/// A setting that varied: names, or numbers between two ends.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SearchAxis {
    /// Name of the setting.
    pub(crate) name: String,
    /// Its values, where they were listed.
    pub(crate) names: Vec<String>,
    /// The smallest number.
    pub(crate) low: f64,
    /// The largest number.
    pub(crate) high: f64,
    /// Whether equal ratios are equally far apart.
    pub(crate) log: bool,
}

/// One trial.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SearchTrial {
    /// From 1.
    pub(crate) number: usize,
    /// The settings as text, one an axis.
    pub(crate) values: Vec<String>,
    /// The index of a name, or the number, one an axis.
    pub(crate) places: Vec<f64>,
    /// The figure in the best epoch; `None` if the trial failed.
    pub(crate) figure: Option<f64>,
    /// Epochs that were run.
    pub(crate) epochs: usize,
    /// Rungs of successive halving that it reached; 1 without.
    pub(crate) rung: usize,
}

/// Trials in the table.
const ROWS: usize = 50;

/// The whole document.
pub(super) fn document(data: &SearchReport) -> Markup {
    let about = ReportData {
        title: data.title.clone(),
        version: data.version.clone(),
        generated_by: data.generated_by.clone(),
        ..ReportData::default()
    };
    let mut context = Context::plain();
    let mut body = Markup::from(tag("p").class("lede").text(account(data)));
    body.push(picture(data, &mut context));
    body.push(progress(data, &mut context));
    body.push(table(data, &mut context));
    if !data.config.is_empty() {
        let summary = tag("summary").text("Configuration of the best trial: ").add(tag("code").text("best.toml"));
        body.push(tag("details").add(summary).add(scroll(tag("pre").add(tag("code").text(&data.config)))));
    }
    framed(&about, &[], body)
}

fn figure_name(data: &SearchReport) -> String {
    let name = if data.figure == "loss" { "loss" } else { metric_name(&data.figure) };
    format!("Validation {name}")
}

fn account(data: &SearchReport) -> String {
    let failed = data.trials.iter().filter(|trial| trial.figure.is_none()).count();
    let mut text = format!("{} on {} by {}", counted(data.trials.len(), "trial", "trials"), data.data, data.method);
    if failed > 0 {
        text.push_str(&format!(", of which {} failed", number::grouped(failed)));
    }
    if let Some(best) = data.trials.iter().find(|trial| trial.number == data.best)
        && let Some(figure) = best.figure.filter(|figure| figure.is_finite())
    {
        let name = figure_name(data).replacen('V', "v", 1);
        text.push_str(&format!(". Trial {} did best, with a {name} of {}", best.number, number::fixed(figure, 4)));
    }
    text.push_str(". The test split was not looked at.");
    text
}

/// Settings and figure of each trial as a line; the better ones in colour and above.
fn picture(data: &SearchReport, context: &mut Context) -> Markup {
    let figures = || data.trials.iter().filter_map(|trial| trial.figure).filter(|figure| figure.is_finite());
    let (Some(low), Some(high)) = (figures().reduce(f64::min), figures().reduce(f64::max)) else {
        return Markup::new();
    };
    let mut axes: Vec<Axis> = data.axes.iter().map(axis).collect();
    let pad = if high > low { 0.0 } else { low.abs().max(1e-3) * 0.05 };
    axes.push(Axis {
        name: figure_name(data),
        ticked: Ticked::Numbers { low: low - pad, high: high + pad, log: false },
    });
    let scored: Vec<&SearchTrial> = data
        .order
        .iter()
        .filter_map(|number| data.trials.iter().find(|trial| trial.number == *number))
        .filter(|trial| trial.figure.is_some_and(f64::is_finite))
        .collect();
    let good = scored.len().div_ceil(5);
    let line = |(rank, trial): (usize, &&SearchTrial)| {
        let figure = trial.figure.unwrap_or(f64::NAN);
        let settings = data.axes.iter().zip(&trial.values).map(|(axis, value)| format!("{} {value}", axis.name));
        let settings: Vec<String> = settings.collect();
        ParallelLine {
            title: format!("trial {}: {}; {}", trial.number, number::fixed(figure, 4), settings.join(", ")),
            class: if trial.number == data.best {
                "best"
            } else if rank < good {
                "good"
            } else {
                ""
            },
            values: trial.places.iter().copied().chain([figure]).collect(),
        }
    };
    // The best are drawn last, above the others.
    let lines: Vec<ParallelLine> = scored.iter().enumerate().map(line).rev().collect();
    let caption = "Each line is a trial: its settings from left to right, and at the right how well it did. The best fifth is \
                   in colour, the best trial bold. Where coloured lines meet, a setting matters; where they spread, it matters less.";
    context.figure("wide", scroll(parallel("Settings and result of each trial", &axes, &lines)), Markup::text(caption))
}

fn axis(axis: &SearchAxis) -> Axis {
    let ticked = if axis.names.is_empty() {
        Ticked::Numbers { low: axis.low, high: axis.high, log: axis.log }
    } else {
        Ticked::Names(axis.names.clone())
    };
    Axis { name: axis.name.clone(), ticked }
}

/// The best figure so far, trial by trial.
fn progress(data: &SearchReport, context: &mut Context) -> Markup {
    let mut best: Option<f64> = None;
    let mut points = Vec::new();
    for trial in &data.trials {
        if let Some(figure) = trial.figure.filter(|figure| figure.is_finite()) {
            let better = |best: f64| if data.lower_is_better { figure.min(best) } else { figure.max(best) };
            best = Some(best.map_or(figure, better));
        }
        points.extend(best.map(|best| (trial.number as f64, best)));
    }
    if points.len() < 2 {
        return Markup::new();
    }
    let y_label = figure_name(data);
    let series = vec![Series { name: "best", class: "s1", points }];
    let title = "Best figure so far by trial";
    let chart = LineChart { title, x_label: "Trial", y_label: &y_label, series, mark: None };
    let caption = "The best figure up to each trial. A line that still improves at its end asks for more trials.";
    context.figure("panels", tag("div").class("panels").add(line_chart(&chart)), Markup::text(caption))
}

fn table(data: &SearchReport, context: &mut Context) -> Markup {
    let names = ["Trial".to_owned(), figure_name(data), "Epochs".to_owned()];
    let head = names.iter().map(|name| tag("th").class("num").attr("scope", "col").text(name));
    let head = tag("tr")
        .add_all(head)
        .add_all(data.axes.iter().map(|axis| tag("th").class("num").attr("scope", "col").text(&axis.name)));
    let rows = data.order.iter().take(ROWS).filter_map(|number| {
        let trial = data.trials.iter().find(|trial| trial.number == *number)?;
        let figure = trial.figure.filter(|figure| figure.is_finite());
        let figure = figure.map_or("failed".to_owned(), |figure| number::fixed(figure, 4));
        let cells =
            [trial.number.to_string(), figure, trial.epochs.to_string()].into_iter().chain(trial.values.clone());
        Some(tag("tr").add_all(cells.map(|cell| tag("td").class("num").text(cell))))
    });
    let table = tag("table").add(tag("thead").add(head)).add(tag("tbody").add_all(rows));
    let mut caption = "The trials, the best first".to_owned();
    if data.order.len() > ROWS {
        caption.push_str(&format!("; {ROWS} of {}, all of them are in trials.tsv", number::grouped(data.order.len())));
    }
    context.table(Markup::text(caption + "."), table)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> SearchReport {
        let axis = |name: &str, names: &[&str]| SearchAxis {
            name: name.into(),
            names: names.iter().map(|&n| n.to_owned()).collect(),
            low: 1e-4,
            high: 1e-2,
            log: true,
        };
        let trial = |number: usize, figure: Option<f64>| SearchTrial {
            number,
            values: vec!["0.001".into(), "cnn <b>".into()],
            places: vec![1e-3, 0.0],
            figure,
            epochs: 3,
            rung: 1,
        };
        SearchReport {
            title: "Search".into(),
            figure: "auroc".into(),
            best: 2,
            axes: vec![axis("learning_rate", &[]), axis("model", &["cnn <b>", "dilated"])],
            trials: vec![trial(1, Some(0.8)), trial(2, Some(0.9)), trial(3, None)],
            order: vec![2, 1, 3],
            config: "epochs = 3\n".into(),
            ..SearchReport::default()
        }
    }

    #[test]
    fn a_page_shows_every_trial_and_names_the_best() {
        let page = document(&report()).into_string();
        for part in ["Trial 2 did best", "of which 1 failed", "Validation AUROC", "trial best", "best.toml", ">failed<"]
        {
            assert!(page.contains(part), "{part}");
        }
        assert!(page.contains("cnn &lt;b&gt;") && !page.contains("cnn <b>"));
        for sign in ["http:", "https:", "src=", "NaN", ">inf<"] {
            assert!(!page.replace("http://www.w3.org/2000/svg", "").contains(sign), "{sign}");
        }
    }

    #[test]
    fn searches_of_no_one_or_failed_trials_are_laid_out() {
        for keep in [0, 1] {
            let mut few = report();
            few.trials.truncate(keep);
            few.trials.iter_mut().for_each(|trial| trial.figure = Some(f64::NAN));
            assert!(!document(&few).into_string().contains("NaN"));
        }
        let mut equal = report();
        equal.trials.iter_mut().for_each(|trial| trial.figure = Some(0.0));
        assert!(!document(&equal).into_string().contains("NaN"));
    }
}
