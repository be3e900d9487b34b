//! The page of a clustering of cells: the map, the components, silhouettes, and a table of clusters.

use super::charts::{CellMap, LineChart, Series, Silhouettes, cell_map, line_chart, silhouettes};
use super::head::Head;
use super::markup::{Markup, tag};
use super::number;
use super::page::Context;

/// What the page shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct CellsReport {
    /// Heading, origin and account.
    pub(crate) head: Head,
    /// Names of the axes of the map.
    pub(crate) axes: (&'static str, &'static str),
    /// Where each cell is on the map.
    pub(crate) points: Vec<[f64; 2]>,
    /// What the map is coloured by, a picture each.
    pub(crate) dots: Vec<Dots>,
    /// Values that it is coloured by, in steps from low to high, a picture each.
    pub(crate) shades: Vec<Dots>,
    /// What a row and what columns are; empty for a cell and genes.
    pub(crate) words: (&'static str, &'static str),
    /// Share of variance of each component.
    pub(crate) scree: Vec<f64>,
    /// Silhouettes of each cluster, falling.
    pub(crate) silhouettes: Vec<Vec<f64>>,
    /// The clusters.
    pub(crate) groups: Vec<Group>,
    /// Whether labels are known.
    pub(crate) labelled: bool,
    /// Numbers of clusters that were tried, and their figure.
    pub(crate) tried: Vec<(usize, f64)>,
    /// What that figure is.
    pub(crate) tried_by: &'static str,
}

/// Groups of cells that are told by colour.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Dots {
    /// What they are: cluster, label.
    pub(crate) name: String,
    /// Names of the groups.
    pub(crate) groups: Vec<String>,
    /// Group of each cell.
    pub(crate) codes: Vec<Option<u32>>,
}

/// One cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Group {
    /// Its number.
    pub(crate) name: String,
    /// Its size.
    pub(crate) cells: usize,
    /// Its mean silhouette.
    pub(crate) silhouette: Option<f64>,
    /// The label that most of its cells have.
    pub(crate) label: Option<String>,
    /// Genes that mark it.
    pub(crate) markers: Vec<String>,
}

/// The whole document.
pub(super) fn document(data: &CellsReport) -> Markup {
    let mut context = Context::plain();
    let parts = [maps(data, &mut context), table(data, &mut context), curves(data, &mut context)];
    data.head.document(parts)
}

impl CellsReport {
    /// What a row is, and what columns are.
    fn words(&self) -> (&'static str, &'static str) {
        if self.words.0.is_empty() { ("cell", "genes") } else { self.words }
    }
}

fn maps(data: &CellsReport, context: &mut Context) -> Markup {
    let (row, _) = data.words();
    let picture = |dots: &Dots, is_scale: bool| {
        cell_map(&CellMap {
            title: &format!("Map of {row}s by {}", dots.name),
            heading: (data.dots.len() + data.shades.len() > 1).then_some(dots.name.as_str()),
            axes: data.axes,
            points: &data.points,
            groups: &dots.groups,
            codes: &dots.codes,
            is_scale,
        })
    };
    let dots = data.dots.iter().map(|dots| picture(dots, false));
    let panels = tag("div").class("panels").add_all(dots.chain(data.shades.iter().map(|dots| picture(dots, true))));
    let what: Vec<&str> = data.dots.iter().chain(&data.shades).map(|dots| dots.name.as_str()).collect();
    let listed = match what.as_slice() {
        [] => "nothing".to_owned(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} and {last}, in this order", first.join(", ")),
    };
    let caption = format!(
        "Each dot is a {row}, coloured by {listed}. Dots that are near each other are alike; how far apart groups lie, and how \
         large they look, says little."
    );
    context.figure("panels wide", panels, Markup::text(caption))
}

fn curves(data: &CellsReport, context: &mut Context) -> Markup {
    let points: Vec<(f64, f64)> = (1..).map(f64::from).zip(data.scree.iter().map(|share| 100.0 * share)).collect();
    let scree = LineChart {
        title: "Variance of each component",
        x_label: "Component",
        y_label: "Variance, %",
        series: vec![Series { name: "", class: "s1", points }],
        mark: None,
    };
    let mut panels = tag("div").class("panels");
    let mut parts = Vec::new();
    if !data.scree.is_empty() {
        panels = panels.add(line_chart(&scree));
        parts.push(
            "The share of variance that each principal component holds: where the curve has become flat, further components hold \
             mostly noise.",
        );
    }
    if data.tried.len() > 1 {
        let points = data.tried.iter().map(|&(clusters, figure)| (clusters as f64, figure)).collect();
        let name = format!("{} (higher is better)", data.tried_by);
        panels = panels.add(line_chart(&LineChart {
            title: "Numbers of clusters that were tried",
            x_label: "Clusters",
            y_label: &name,
            series: vec![Series { name: "", class: "s2", points }],
            mark: None,
        }));
        parts.push("Numbers of clusters that were tried.");
    }
    if let Some(picture) = silhouettes(&Silhouettes { clusters: &data.silhouettes }) {
        panels = panels.add(picture);
        parts.push(
            "Silhouettes by cluster: 1 is far from other clusters, below 0 nearer to another one than to its own.",
        );
    }
    if parts.is_empty() {
        return Markup::new();
    }
    context.figure("panels", panels, Markup::text(parts.join(" ")))
}

fn table(data: &CellsReport, context: &mut Context) -> Markup {
    let heading = |name: &str, numeric: bool| {
        let cell = tag("th").attr("scope", "col").text(name);
        if numeric { cell.class("num") } else { cell }
    };
    let (row_is, columns) = data.words();
    let rows = if row_is == "cell" { "Cells" } else { "Rows" };
    let mut head = tag("tr").add(heading("Cluster", true)).add(heading(rows, true)).add(heading("Silhouette", true));
    if data.labelled {
        head = head.add(heading("Most are", false));
    }
    head = head.add(heading(&format!("Marker {columns}"), false));
    let row = |group: &Group| {
        let silhouette = group.silhouette.map_or("–".to_owned(), |value| number::fixed(value, 3));
        let mut row = tag("tr")
            .add(tag("td").class("num").text(&group.name))
            .add(tag("td").class("num").text(number::grouped(group.cells)))
            .add(tag("td").class("num").text(silhouette));
        if data.labelled {
            row = row.add(tag("td").text(group.label.as_deref().unwrap_or("–")));
        }
        row.add(tag("td").text(group.markers.join(", ")))
    };
    let table = tag("table").add(tag("thead").add(head)).add(tag("tbody").add_all(data.groups.iter().map(row)));
    let caption = format!(
        "The clusters, the largest first. Marker {columns} are those that set a cluster apart from all other {row_is}s most \
         (Wilcoxon's rank sum); more of them, with p and q values, are in markers.tsv. The same values chose the clusters, so \
         these p values are too small; they rank {columns}."
    );
    context.table(Markup::text(caption), table)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(cells: usize) -> CellsReport {
        let dots = |name: &str, groups: [&str; 2]| Dots {
            name: name.into(),
            groups: groups.map(str::to_owned).to_vec(),
            codes: (0..cells).map(|cell| (cell % 5 != 4).then_some((cell % 2) as u32)).collect(),
        };
        let group = |name: &str| Group {
            name: name.into(),
            cells: 3,
            silhouette: (name == "0").then_some(0.25),
            label: Some("T <b> (75 %)".into()),
            markers: vec!["CD3E".into(), "<i>".into()],
        };
        CellsReport {
            head: Head { title: "Cells".into(), account: "All of it.".into(), ..Head::default() },
            axes: ("t-SNE 1", "t-SNE 2"),
            points: (0..cells)
                .map(|cell| [(cell % 97) as f64, if cell == 1 { f64::NAN } else { (cell % 89) as f64 }])
                .collect(),
            dots: vec![dots("cluster", ["0", "1"]), dots("label", ["T <b>", "B"])],
            scree: vec![0.5, 0.2, 0.1],
            silhouettes: vec![vec![0.5, 0.1, -0.2], vec![]],
            groups: vec![group("0"), group("1")],
            labelled: true,
            tried: vec![(2, 0.1), (3, 0.2)],
            tried_by: "silhouette",
            ..CellsReport::default()
        }
    }

    #[test]
    fn the_page_has_maps_curves_and_clusters_and_escapes_names() {
        let page = document(&report(40)).into_string();
        for part in
            ["Map of cells by label", "T &lt;b&gt;", "0.250", "Silhouettes by cluster", "silhouette (higher is better)"]
        {
            assert!(page.contains(part), "{part}");
        }
        for sign in ["T <b>", ">NaN<", "NaN ", "data:image"] {
            assert!(!page.contains(sign), "{sign}");
        }
    }

    #[test]
    fn many_cells_are_drawn_as_pixels() {
        let page = document(&report(50_001)).into_string();
        assert_eq!(page.matches("data:image/png;base64,").count(), 2);
        assert!(page.len() < 400_000, "{}", page.len());
    }

    #[test]
    fn no_cells_and_no_labels_are_laid_out() {
        let page = document(&CellsReport { dots: vec![Dots::default()], ..CellsReport::default() }).into_string();
        assert!(!page.contains("NaN") && !page.contains("Silhouettes by cluster"));
    }
}
