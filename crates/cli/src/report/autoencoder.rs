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
    /// What a row is, such as a cell.
    pub(crate) row: &'static str,
    /// Whether figures are those of rows that were held out, and not of all.
    pub(crate) held_out: bool,
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
        let cell = |value: Option<f64>| tag("td").class("num").text(value.map_or("–".to_owned(), shown));
        tag("tr").add(tag("td").text(name)).add(cell(values[0])).add(cell(values[1]))
    };
    let table = tag("table").add(tag("thead").add(head)).add(tag("tbody").add_all(data.figures.iter().map(row)));
    let row = data.row;
    let whose = if data.held_out {
        format!("held-out {row}s, which neither has seen")
    } else {
        format!("the {row}s that both were fitted on, as none were held out: they tell little of others")
    };
    let caption = format!(
        "The autoencoder beside as many principal components of the same values, fitted on the same {row}s. Errors and \
         likelihoods are those of {whose}."
    );
    context.table(Markup::text(caption), table)
}

/// Counts, such as of clusters, as whole numbers.
fn shown(value: f64) -> String {
    if value.fract() == 0.0 && (2.0..1e9).contains(&value) {
        number::grouped(value as usize)
    } else {
        number::significant(value)
    }
}

fn maps(data: &AutoencoderReport, dots: &[Dots; 2], context: &mut Context) -> Markup {
    let row = data.row;
    let picture = |(points, (own, by)): (&Vec<[f64; 2]>, (&Dots, &str))| {
        cell_map(&CellMap {
            title: &format!("Map of {row}s by {}, {by}", own.name),
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
        "Each dot is a {row}, coloured by {}: left by the autoencoder, right by principal components. Dots that are near each \
         other are alike; how far apart groups lie says little.",
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
    let row = data.row;
    let chart = line_chart(&LineChart {
        title: "Loss of each epoch",
        x_label: "Epoch",
        y_label: &format!("Loss of a {row}, nats"),
        series,
        mark: Some((data.best as f64, format!("epoch {}", data.best))),
    });
    let caption = format!(
        "The loss of a {row} as training went: of training {row}s over each epoch, with dropout and draws{}. The weights of the \
         marked epoch were kept.",
        if data.curve.iter().any(|epoch| epoch.2.is_some()) {
            format!(", and of validation {row}s after it")
        } else {
            String::new()
        }
    );
    context.figure("panels", tag("div").class("panels").add(chart), Markup::text(caption))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_which_rows_judge_and_prints_counts_whole() {
        let page = |held_out, row| {
            let figures = vec![
                ("Squared error".to_owned(), [Some(0.25), Some(0.5)]),
                ("Clusters (Leiden)".to_owned(), [Some(10.0), Some(1500.0)]),
            ];
            let data = AutoencoderReport { held_out, row, figures, ..AutoencoderReport::default() };
            document(&data).into_string()
        };
        let held_out = page(true, "cell");
        assert!(held_out.contains("held-out cells, which neither has seen"));
        assert!(
            held_out.contains(">10<") && held_out.contains(">1,500<") && held_out.contains(">0.250<"),
            "{held_out}"
        );
        let all = page(false, "row");
        assert!(all.contains("the rows that both were fitted on") && !all.contains("held-out"), "{all}");
        assert!(all.contains("Loss of a row") && !all.contains("of a cell") && !all.contains("cells"), "{all}");
    }
}
