//! A classical model: how its fit was chosen, which features matter, and a tree that is small enough to draw.

use crate::report::charts::{LineChart, Series, line_chart};
use crate::report::markup::{Markup, tag};
use crate::report::number::{self, counted, grouped};
use crate::report::page::{Context, paragraph};
use serde::{Deserialize, Serialize};

/// What a report shows of a classical model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Classical {
    /// `logistic`, `linear`, `tree`, `forest` or `gbdt`.
    pub(crate) kind: String,
    /// The features as they were asked for.
    pub(crate) spec: String,
    /// Number of features.
    pub(crate) features: usize,
    /// Numbers that were fitted.
    pub(crate) parameters: usize,
    /// Wall time in seconds.
    pub(crate) seconds: f64,
    /// One entry a task; of many the first few.
    pub(crate) fits: Vec<Fit>,
    /// What `weight` of the features is.
    pub(crate) weight: String,
    /// The features that matter most, first.
    pub(crate) top: Vec<Weighted>,
    /// A drawing of the tree, if there is one alone.
    pub(crate) tree: Option<String>,
    /// A drawing of what each base at each position adds, if features are positional.
    pub(crate) positions: Option<String>,
}

/// The fit of one task.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Fit {
    /// Name of the task.
    pub(crate) task: String,
    /// What was fitted, in a line.
    pub(crate) summary: String,
    /// What the path is along, such as `Round`.
    pub(crate) x_label: String,
    /// Training loss along the path.
    pub(crate) train: Vec<(f64, f64)>,
    /// Validation loss along the path.
    pub(crate) valid: Vec<(f64, f64)>,
    /// Where the model was taken.
    pub(crate) best: Option<f64>,
}

/// A feature and how much it matters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Weighted {
    /// Output that it is about; empty for all.
    pub(crate) output: String,
    /// Its name.
    pub(crate) feature: String,
    /// Standardized coefficient, or share of the gain.
    pub(crate) weight: f64,
    /// Coefficient on the feature's own scale, of linear models.
    pub(crate) coefficient: Option<f64>,
}

/// The model of one run; of an ensemble its first member.
pub(in crate::report) fn section(model: &Classical, members: usize, context: &mut Context) -> Markup {
    let mut text = format!(
        "A model of kind {} on {} ({}), with {} fitted numbers",
        model.kind,
        counted(model.features, "feature", "features"),
        model.spec,
        grouped(model.parameters)
    );
    if model.seconds > 0.0 {
        text.push_str(&format!(", trained in {}", number::duration(model.seconds)));
    }
    text.push('.');
    if members > 1 {
        text.push_str(&format!(" It is one of {members} members; what follows is about the first."));
    }
    let mut body = paragraph(Markup::text(text));
    for fit in &model.fits {
        body.push(paragraph(Markup::text(format!("{}: {}.", fit.task, fit.summary))));
    }
    let charts: Vec<Markup> = model.fits.iter().filter(|fit| fit.train.len() > 1).map(path).collect();
    if !charts.is_empty() {
        let caption = "Mean loss along the path on training and validation examples. The dashed line marks what was kept: \
                       the lowest validation loss.";
        body.push(context.figure("panels", tag("div").class("panels").add_all(charts), Markup::text(caption)));
    }
    if let Some(tree) = &model.tree {
        let caption = "The tree: an example goes left where the answer is yes. Leaves are coloured by their value.";
        body.push(context.figure("drawn", Markup::drawn(tree.clone()), Markup::text(caption)));
    }
    if let Some(positions) = &model.positions {
        let caption = "What each base adds to the score at each position, compared to the mean of the four bases.";
        body.push(context.figure("drawn", Markup::drawn(positions.clone()), Markup::text(caption)));
    }
    if !model.top.is_empty() {
        body.push(features(model, context));
    }
    body
}

fn path(fit: &Fit) -> Markup {
    let mut series = vec![Series { name: "train", class: "b1", points: fit.train.clone() }];
    series.push(Series { name: "valid", class: "s1", points: fit.valid.clone() });
    series.retain(|series| !series.points.is_empty());
    let title = format!("{}: loss along the path", fit.task);
    let mark = fit.best.map(|best| (best, "kept".to_owned()));
    line_chart(&LineChart { title: &title, x_label: &fit.x_label, y_label: "Loss", series, mark })
}

fn features(model: &Classical, context: &mut Context) -> Markup {
    let by_output = model.top.iter().any(|line| !line.output.is_empty());
    let has_coefficients = model.top.iter().any(|line| line.coefficient.is_some());
    let mut names = vec!["Feature"];
    if by_output {
        names.push("Output");
    }
    names.push(&model.weight);
    if has_coefficients {
        names.push("Coefficient");
    }
    let head = tag("tr").add_all(names.iter().map(|name| {
        let cell = tag("th").attr("scope", "col").text(name);
        if ["Feature", "Output"].contains(name) { cell } else { cell.class("num") }
    }));
    let rows = model.top.iter().map(|line| {
        let mut row = tag("tr").add(tag("th").attr("scope", "row").class("mono").text(&line.feature));
        if by_output {
            row = row.add(tag("td").text(&line.output));
        }
        row = row.add(tag("td").class("num").text(number::fixed(line.weight, 4)));
        if has_coefficients {
            let shown = line.coefficient.map_or(number::UNDEFINED.to_owned(), |value| number::fixed(value, 4));
            row = row.add(tag("td").class("num").text(shown));
        }
        row
    });
    let table = tag("table").add(tag("thead").add(head)).add(tag("tbody").add_all(rows));
    let caption = if has_coefficients {
        "The features with the largest coefficients. The standardized one is what one standard deviation of the feature adds to \
         the score, so that features can be compared."
    } else {
        "The features with the largest share of the gain of all splits, measured on the training examples; features with many \
         values are favoured."
    };
    context.table(Markup::text(caption), table)
}
