//! The page of an autoencoder of cells: maps beside those of principal components, figures of both, how training went.

use super::cells::Dots;
use super::charts::{CellMap, LineChart, Series, cell_map, line_chart};
use super::head::Head;
use super::markup::{Markup, tag};
use super::number;
use super::page::Context;

/// What the page shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct AutoencoderReport {
    /// Heading, origin and account.
    pub(crate) head: Head,
    /// Names of the axes of the maps.
    pub(crate) axes: (&'static str, &'static str),
    /// Where each cell is, by the autoencoder and by principal components.
    pub(crate) points: [Vec<[f64; 2]>; 2],
    /// What maps are coloured by, two pictures each; the second may have other groups.
    pub(crate) dots: Vec<[Dots; 2]>,
    /// Names and figures, by the autoencoder and by principal components.
    pub(crate) figures: Vec<(String, [Option<f64>; 2])>,
    /// Epochs, training loss and loss of validation cells.
    pub(crate) curve: Vec<(usize, f64, Option<f64>)>,
    /// The epoch whose weights were kept.
    pub(crate) best: usize,
}

/// The whole document.
pub(super) fn document(data: &AutoencoderReport) -> Markup {
    let mut context = Context::plain();
    let mut parts = vec![figures(data, &mut context)];
    parts.extend(data.dots.iter().map(|dots| maps(data, dots, &mut context)));
    parts.push(curve(data, &mut context));
    data.head.document(parts)
}

fn figures(data: &AutoencoderReport, context: &mut Context) -> Markup {
    let heading = |name: &str| tag("th").attr("scope", "col").class("num").text(name);
    let head = tag("tr")
        .add(tag("th").attr("scope", "col").text("Figure"))
        .add(heading("Autoencoder"))
        .add(heading("Principal components"));
    let row = |(name, values): &(String, [Option<f64>; 2])| {
        let cell = |value: Option<f64>| tag("td").class("num").text(value.map_or("–".to_owned(), number::significant));
        tag("tr").add(tag("td").text(name)).add(cell(values[0])).add(cell(values[1]))
    };
    let table = tag("table").add(tag("thead").add(head)).add(tag("tbody").add_all(data.figures.iter().map(row)));
    let caption = "The autoencoder beside as many principal components of the same values, fitted on the same cells. Errors and \
                   likelihoods are those of held-out cells, which neither has seen.";
    context.table(Markup::text(caption), table)
}

fn maps(data: &AutoencoderReport, dots: &[Dots; 2], context: &mut Context) -> Markup {
    let picture = |(points, (own, by)): (&Vec<[f64; 2]>, (&Dots, &str))| {
        cell_map(&CellMap {
            title: &format!("Map of cells by {}, {by}", own.name),
            heading: None,
            axes: data.axes,
            points,
            groups: &own.groups,
            codes: &own.codes,
            is_scale: false,
        })
    };
    let names = ["autoencoder", "principal components"];
    let panels = tag("div").class("panels").add_all(data.points.iter().zip(dots.iter().zip(names)).map(picture));
    let caption = format!(
        "Cells coloured by {}: left by the autoencoder, right by principal components. Cells that are near each other are alike; \
         how far apart groups lie says little.",
        dots[0].name
    );
    context.figure("panels wide", panels, Markup::text(caption))
}

fn curve(data: &AutoencoderReport, context: &mut Context) -> Markup {
    let training = data.curve.iter().map(|&(epoch, loss, _)| (epoch as f64, loss)).collect();
    let validation: Vec<(f64, f64)> =
        data.curve.iter().filter_map(|&(epoch, _, loss)| loss.map(|loss| (epoch as f64, loss))).collect();
    let mut series = vec![Series { name: "training", class: "s1", points: training }];
    if !validation.is_empty() {
        series.push(Series { name: "validation", class: "s2", points: validation });
    }
    let chart = line_chart(&LineChart {
        title: "Loss of each epoch",
        x_label: "Epoch",
        y_label: "Loss of a cell, nats",
        series,
        mark: Some((data.best as f64, format!("epoch {}", data.best))),
    });
    let caption = "The loss of a cell as training went: of training cells over each epoch, with dropout and draws, and of \
                   validation cells after it. The weights of the marked epoch were kept.";
    context.figure("panels", tag("div").class("panels").add(chart), Markup::text(caption))
}
