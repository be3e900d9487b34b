//! The layers, and loss and metric by epoch.

use crate::report::charts::{LineChart, Series, line_chart};
use crate::report::data::{Architecture, EpochPoint, MemberTraining, RunReport, Training};
use crate::report::markup::{Markup, tag};
use crate::report::number::{self, counted, grouped, metric_name};
use crate::report::page::{Context, paragraph};

/// Architecture and training of one run.
pub(in crate::report) fn section(run: &RunReport, context: &mut Context) -> Markup {
    let mut body = Markup::new();
    if let Some(model) = &run.classical {
        body.push(super::classical::section(model, run.training.members.len(), context));
        return context.section("training", body);
    }
    if !run.training.members.is_empty() {
        let label = run.headline.first().map(|headline| headline.label.as_str());
        body.push(ensemble(&run.training, label, context));
    } else if !run.training.epochs.is_empty() {
        body.push(paragraph(Markup::text(account(&run.training))));
        body.push(curves(&run.training, context));
    } else {
        body.push(tag("p").class("missing").text("No epochs are recorded for this model."));
    }
    if !run.architecture.rows.is_empty() {
        body.push(layers(&run.architecture, context));
    }
    context.section("training", body)
}

/// How long it ran, why it ended, which weights were kept.
fn account(training: &Training) -> String {
    let mut text = format!("Training ran for {}", counted(training.epochs.len(), "epoch", "epochs"));
    if training.seconds > 0.0 {
        text.push_str(&format!(" in {}", number::duration(training.seconds)));
    }
    if !training.stopped.is_empty() {
        text.push_str(&format!(" and stopped: {}", training.stopped));
    }
    text.push('.');
    if let Some(best) = training.best_epoch {
        text.push_str(&format!(" The weights of epoch {best} were kept"));
        let kept = training.epochs.iter().find(|e| e.epoch == best).and_then(|e| e.valid_metric);
        if let Some(value) = kept.filter(|v| v.is_finite()) {
            let name = metric_name(&training.metric);
            text.push_str(&format!(", with a validation {name} of {}", number::fixed(value, 3)));
        }
        text.push('.');
    }
    text
}

fn curves(training: &Training, context: &mut Context) -> Markup {
    let line = |value: fn(&EpochPoint) -> Option<f64>| -> Vec<(f64, f64)> {
        training.epochs.iter().filter_map(|e| Some((e.epoch as f64, value(e)?))).collect()
    };
    let mark = || training.best_epoch.map(|best| (best as f64, format!("kept: epoch {best}")));
    let mut series = vec![Series { name: "train", class: "b1", points: line(|e| e.train_loss) }];
    series.push(Series { name: "valid", class: "s1", points: line(|e| e.valid_loss) });
    series.retain(|s| !s.points.is_empty());
    let title = "Loss by epoch on training and validation examples";
    let mut charts = line_chart(&LineChart { title, x_label: "Epoch", y_label: "Loss", series, mark: mark() });
    let metric = line(|e| e.valid_metric);
    let name = metric_name(&training.metric);
    if !metric.is_empty() {
        let title = format!("Validation {name} by epoch");
        let y_label = format!("Validation {name}");
        let series = vec![Series { name: "valid", class: "s1", points: metric }];
        charts.push(line_chart(&LineChart {
            title: &title,
            x_label: "Epoch",
            y_label: &y_label,
            series,
            mark: mark(),
        }));
    }
    let mut caption = "Learning curves. Loss is averaged over the examples of an epoch".to_owned();
    caption.push_str(" and a widening gap between the two lines is overfitting.");
    if training.best_epoch.is_some() {
        caption.push_str(" The dashed line marks the epoch whose weights were kept.");
    }
    context.figure("panels", tag("div").class("panels").add(charts), Markup::text(caption))
}

/// The models of an ensemble: their validation loss by epoch, and what each is worth alone.
fn ensemble(training: &Training, label: Option<&str>, context: &mut Context) -> Markup {
    let members = &training.members;
    let mut text = format!("{} were trained", counted(members.len(), "model", "models"));
    if training.seconds > 0.0 {
        text.push_str(&format!(" in {}", number::duration(training.seconds)));
    }
    text.push_str("; the ensemble predicts the mean of their raw scores.");
    let mut markup = paragraph(Markup::text(text));
    let names: Vec<String> = members.iter().map(|member| member.number.to_string()).collect();
    let line = |member: &MemberTraining| {
        member.epochs.iter().filter_map(|e| Some((e.epoch as f64, e.valid_loss?))).collect::<Vec<_>>()
    };
    let series =
        members.iter().zip(&names).map(|(member, name)| Series { name, class: "s1 thin", points: line(member) });
    let series: Vec<Series> = series.filter(|series| !series.points.is_empty()).collect();
    if !series.is_empty() {
        let title = "Validation loss by epoch of each member";
        let chart = LineChart { title, x_label: "Epoch", y_label: "Validation loss", series, mark: None };
        let caption = "Validation loss of each member by epoch, on its own validation examples. The weights of the epoch with \
                       the best validation were kept.";
        markup.push(context.figure(
            "panels",
            tag("div").class("panels").add(line_chart(&chart)),
            Markup::text(caption),
        ));
    }
    markup.push(member_table(training, label, context));
    markup
}

fn member_table(training: &Training, label: Option<&str>, context: &mut Context) -> Markup {
    let metric = metric_name(&training.metric);
    let mut names = vec!["Member".to_owned(), "Epochs".into(), "Kept".into(), "Validation loss".into()];
    names.push(format!("Validation {metric}"));
    names.extend(label.map(|label| format!("Test {}", metric_name(label))));
    let head = tag("tr").add_all(names.iter().enumerate().map(|(i, name)| {
        let cell = tag("th").attr("scope", "col").text(name);
        if i == 0 { cell } else { cell.class("num") }
    }));
    let shown = |value: Option<f64>| {
        value.filter(|v| v.is_finite()).map_or(number::UNDEFINED.to_owned(), |v| number::fixed(v, 4))
    };
    let rows = training.members.iter().map(|member| {
        let kept = member.epochs.iter().find(|epoch| epoch.epoch == member.best_epoch);
        let mut cells = vec![member.epochs.len().to_string(), member.best_epoch.to_string()];
        cells.push(shown(kept.and_then(|epoch| epoch.valid_loss)));
        cells.push(shown(kept.and_then(|epoch| epoch.valid_metric)));
        cells.extend(label.map(|_| shown(member.test)));
        tag("tr")
            .add(tag("th").attr("scope", "row").text(member.number))
            .add_all(cells.into_iter().map(|cell| tag("td").class("num").text(cell)))
    });
    let table = tag("table").add(tag("thead").add(head)).add(tag("tbody").add_all(rows));
    context.table(Markup::text("The members of the ensemble, each alone."), table)
}

fn layers(architecture: &Architecture, context: &mut Context) -> Markup {
    let names = ["Layer", "Output", "Parameters", "Receptive field"];
    let head = tag("tr").add_all(names.iter().enumerate().map(|(i, name)| {
        let cell = tag("th").attr("scope", "col").text(name);
        if i == 0 { cell } else { cell.class("num") }
    }));
    let rows = architecture.rows.iter().map(|row| {
        let field = row.receptive_field.map_or(number::UNDEFINED.to_owned(), |f| format!("{}\u{a0}nt", grouped(f)));
        tag("tr")
            .add(tag("th").attr("scope", "row").text(&row.layer))
            .add(tag("td").class("num").text(&row.output_shape))
            .add(tag("td").class("num").text(grouped(row.parameters)))
            .add(tag("td").class("num").text(field))
    });
    let total = tag("tr")
        .add(tag("th").attr("scope", "row").text("All layers"))
        .add(tag("td"))
        .add(tag("td").class("num").text(grouped(architecture.parameters)))
        .add(tag("td"));
    let table = tag("table").add(tag("thead").add(head)).add(tag("tbody").add_all(rows)).add(tag("tfoot").add(total));
    let caption = "Layers of the model. The receptive field is the number of input positions that reach one position of the \
                   layer's output.";
    context.table(Markup::text(caption), table)
}
