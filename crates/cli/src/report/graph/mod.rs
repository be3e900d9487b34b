//! The pages of graph networks: a run beside its baselines, and the neighbourhood of a node.

mod neighbourhood;

pub(crate) use neighbourhood::{NeighbourhoodReport, NodeMark, render_neighbourhood};

use super::charts::{IntervalRow, LineChart, Series, intervals, line_chart};
use super::data::{Estimate, ReportData};
use super::markup::{Markup, Tag, tag};
use super::number::{self, counted, grouped, metric_name};
use super::page::{Context, framed, paragraph, scroll};
use crate::commands::graph::{GraphRun, Judged, ModelFigures, Question, SeedEpoch};
use basewise_core::metrics;

/// What the page of a run shows.
pub(crate) struct GraphReport<'a> {
    /// Heading of the page.
    pub(crate) title: String,
    pub(crate) run: &'a GraphRun,
    pub(crate) judged: &'a Judged,
    pub(crate) history: &'a [SeedEpoch],
}

/// Lays out the page of a run.
pub(crate) fn render(page: &GraphReport<'_>) -> String {
    let run = page.run;
    let about = about(&page.title, &run.version, &run.command);
    let context = &mut Context::plain();
    let parts = vec![
        ("overview", "Overview", overview(page)),
        ("scores", "Scores", scores(page.judged, context)),
        ("training", "Training", training(page, context)),
        ("data", "Data", data(run)),
        ("details", "Details to repeat it", details(run, context)),
    ];
    document(&about, parts)
}

fn about(title: &str, version: &str, command: &str) -> ReportData {
    ReportData {
        title: title.to_owned(),
        version: version.to_owned(),
        generated_by: command.to_owned(),
        ..ReportData::default()
    }
}

fn document(about: &ReportData, parts: Vec<(&'static str, &'static str, Markup)>) -> String {
    let links: Vec<(&str, &str)> = parts.iter().map(|(id, heading, _)| (*id, *heading)).collect();
    let section = |(id, heading, body): (&'static str, &'static str, Markup)| {
        tag("section").attr("id", id).add(tag("h2").text(heading)).add(body)
    };
    framed(about, &links, parts.into_iter().map(section).collect::<Markup>()).into_string()
}

/// Whether the network earned its keep, in a sentence.
fn verdict(judged: &Judged) -> String {
    let metric = metric_name(&judged.headline[0]).to_lowercase();
    let value = |model: &ModelFigures| model.metrics.get(&judged.headline[0]).and_then(|figure| figure.value);
    let Some((network, baselines)) = judged.models.split_first() else { return String::new() };
    let best = baselines.iter().filter(|model| value(model).is_some());
    let Some(best) = best.max_by(|a, b| value(a).unwrap_or(0.0).total_cmp(&value(b).unwrap_or(0.0))) else {
        return "There is nothing to compare with.".to_owned();
    };
    let difference = best.network_minus.map(|difference| difference.estimate).unwrap_or_default();
    let above = format!("{} against {} of {}", shown(value(network)), shown(value(best)), best.name);
    match (difference.low, difference.high) {
        (Some(low), _) if low > 0.0 => {
            format!("{} beats every baseline beyond chance: {metric} {above}.", network.name)
        }
        (_, Some(high)) if high < 0.0 => {
            format!("{} does worse than {}: {metric} {above}.", network.name, best.name)
        }
        _ => format!("{} and {} cannot be told apart here: {metric} {above}.", network.name, best.name),
    }
}

fn shown(value: Option<f64>) -> String {
    value.map_or(number::UNDEFINED.to_owned(), |value| number::fixed(value, 3))
}

fn overview(page: &GraphReport<'_>) -> Markup {
    let (run, judged) = (page.run, page.judged);
    let what = match run.question {
        Question::Nodes => "Classes of nodes",
        Question::Links => "Links",
    };
    let [train, valid, test] = run.split_sizes.map(grouped);
    let text = format!(
        "{what} of a graph of {} and {}; {train} to learn from, {valid} for validation, {test} for the test, held out {}. \
         Figures are means over {}, with 95\u{a0}% intervals over resamples of {}.",
        counted(run.account.nodes, "node", "nodes"),
        counted(run.account.edges, "edge", "edges"),
        run.split,
        counted(run.seeds, "seed", "seeds"),
        counted(judged.n, "row", "rows"),
    );
    Markup::from(tag("p").class("lede").text(verdict(judged))).with(paragraph(Markup::text(text)))
}

fn converted(estimate: metrics::Estimate) -> Estimate {
    Estimate { value: estimate.value, low: estimate.low, high: estimate.high, reason: String::new() }
}

fn figure(model: &ModelFigures, metric: &str) -> Estimate {
    converted(model.metrics.get(metric).copied().unwrap_or_default())
}

fn scores(judged: &Judged, context: &mut Context) -> Markup {
    let mut body = Markup::new();
    let first = &judged.headline[0];
    let row = |(i, model): (usize, &ModelFigures)| IntervalRow {
        group: if i == 0 { metric_name(first).to_owned() } else { String::new() },
        name: model.name.clone(),
        model: model.network,
        estimate: figure(model, first),
    };
    let rows: Vec<IntervalRow> = judged.models.iter().enumerate().map(row).collect();
    if let Some(drawing) = intervals(&rows, None) {
        let caption = "The network, in colour, and what does without it. Lines are 95\u{a0}% intervals.";
        body.push(context.figure("wide", drawing, Markup::text(caption)));
    }
    let names = judged.headline.iter().map(|name| metric_name(name).to_owned());
    let heads = names.chain(["Lowest and highest seed".to_owned(), "Network minus it".to_owned()]);
    let heads = heads.map(|name| tag("th").class("num").attr("scope", "col").text(name));
    let head = tag("tr").add(tag("th").attr("scope", "col").text("Model")).add_all(heads);
    let lines = judged.models.iter().map(|model| {
        let class = if model.network { "num model" } else { "num" };
        let cells = judged.headline.iter().map(|m| tag("td").class(class).add(number::estimate(&figure(model, m))));
        let minus = model.network_minus.map(|difference| number::estimate(&converted(difference.estimate)));
        tag("tr")
            .add(tag("th").attr("scope", "row").text(&model.name))
            .add_all(cells)
            .add(tag("td").class("num").text(range(&model.seeds)))
            .add(tag("td").class("num").add(minus.unwrap_or_default()))
    });
    let table = tag("table").add(tag("thead").add(head)).add(tag("tbody").add_all(lines));
    body.push(context.table(Markup::text("Figures on the test split; differences on the same resamples."), table));
    body
}

fn range(seeds: &[Option<f64>]) -> String {
    let known = || seeds.iter().copied().flatten();
    match (known().reduce(f64::min), known().reduce(f64::max)) {
        (Some(low), Some(high)) if seeds.len() > 1 => {
            format!("{} to {}", number::fixed(low, 3), number::fixed(high, 3))
        }
        _ => String::new(),
    }
}

/// Loss and metric by epoch, of the first seed.
fn training(page: &GraphReport<'_>, context: &mut Context) -> Markup {
    let Some(first) = page.history.first().map(|line| line.seed) else { return Markup::new() };
    let own = || page.history.iter().filter(|line| line.seed == first).map(|line| line.epoch);
    let metric = metric_name(&page.judged.headline[0]);
    let at = |epoch: usize| epoch as f64;
    let mut losses =
        vec![Series { name: "train", class: "b1", points: own().map(|e| (at(e.epoch), e.train_loss)).collect() }];
    let valid: Vec<(f64, f64)> = own().filter_map(|e| Some((at(e.epoch), e.valid_loss?))).collect();
    let figures: Vec<(f64, f64)> = own().filter_map(|e| Some((at(e.epoch), e.valid_metric?))).collect();
    let best = valid.iter().min_by(|a, b| a.1.total_cmp(&b.1)).map(|best| (best.0, format!("kept: epoch {}", best.0)));
    if !valid.is_empty() {
        losses.push(Series { name: "valid", class: "s1", points: valid });
    }
    let mut charts = line_chart(&LineChart {
        title: "Loss by epoch",
        x_label: "Epoch",
        y_label: "Loss, nats",
        series: losses,
        mark: best.clone(),
    });
    if !figures.is_empty() {
        charts.push(line_chart(&LineChart {
            title: "Validation metric by epoch",
            x_label: "Epoch",
            y_label: metric,
            series: vec![Series { name: "valid", class: "s1", points: figures }],
            mark: best,
        }));
    }
    let run = page.run;
    let text = format!(
        "{} with {} weights. The loss of training is that of the step, with dropout.",
        run.shape.model.name(),
        grouped(run.parameters)
    );
    let caption = if run.seeds > 1 { "Training of the first seed." } else { "Training." };
    paragraph(Markup::text(text)).with(context.figure(
        "panels",
        tag("div").class("panels").add(charts),
        Markup::text(caption),
    ))
}

fn data(run: &GraphRun) -> Markup {
    let account = &run.account;
    let mut lines = vec![format!(
        "{}, {}, {}",
        counted(account.nodes, "node", "nodes"),
        counted(account.edges, "edge", "edges"),
        counted(account.features, "feature", "features")
    )];
    if account.kinds.len() > 1 {
        lines.push(format!("types of edges: {}", account.kinds.join(", ")));
    }
    lines.extend(account.lines());
    tag("ul").add_all(lines.iter().map(|line| tag("li").text(line))).into()
}

fn details(run: &GraphRun, context: &mut Context) -> Markup {
    let mut facts = vec![("version".to_owned(), run.version.clone())];
    for source in &run.sources {
        facts.push((source.path.clone(), source.sha256.clone().unwrap_or_default()));
    }
    let training = &run.training;
    facts.push(("network".to_owned(), format!("{:?} hidden, {} outputs", run.shape.hidden, run.shape.outputs)));
    facts.push((
        "training".to_owned(),
        format!(
            "{} epochs, learning rate {}, dropout {}, weight decay {}, patience {}",
            training.epochs, training.learning_rate, training.dropout, training.weight_decay, training.patience
        ),
    ));
    facts.push(("seeds".to_owned(), format!("{} from {}", run.seeds, training.seed)));
    facts.push(("time".to_owned(), format!("{} on {} threads", number::duration(run.seconds), run.threads)));
    let mut body = scroll(tag("pre").add(tag("code").text(&run.command)));
    body.push(context.table(Markup::text("The circumstances of this run."), facts_table(facts)));
    body
}

fn facts_table(facts: Vec<(String, String)>) -> Tag {
    let rows = facts.into_iter().map(|(key, value)| {
        tag("tr").add(tag("th").attr("scope", "row").text(key)).add(tag("td").class("mono").text(value))
    });
    tag("table").class("facts-table").add(tag("tbody").add_all(rows))
}
