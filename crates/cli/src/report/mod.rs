//! The report: one self-contained HTML file that a reader can open years later without basewise or a network.
//!
//! [`data`] says what is shown, [`render`] lays it out. Figures are inline SVG ([`charts`]), text goes through [`markup`],
//! which escapes it, and each part of the page is one file in [`sections`].

pub(crate) mod autoencoder;
pub(crate) mod cells;
mod charts;
pub(crate) mod comparison;
pub(crate) mod data;
pub(crate) mod designed;
#[cfg(test)]
mod fixture;
pub(crate) mod generated;
pub(crate) mod graph;
pub(crate) mod head;
mod markup;
mod number;
mod page;
pub(crate) mod search;
mod sections;
#[cfg(test)]
mod tests;
pub(crate) mod variants;

pub(crate) use data::ReportData;
pub(crate) use number::metric_name;
pub(crate) use sections::classical;

/// Lays out the report as one HTML document. The same data gives the same bytes.
pub(crate) fn render(data: &ReportData) -> String {
    page::document(data).into_string()
}

/// Lays out the page of a search for settings.
pub(crate) fn render_search(data: &search::SearchReport) -> String {
    search::document(data).into_string()
}

/// Lays out the page of scored variants.
pub(crate) fn render_variants(page: &variants::VariantsReport) -> String {
    variants::document(page).into_string()
}

/// Lays out the page of a clustering of cells.
pub(crate) fn render_cells(page: &cells::CellsReport) -> String {
    cells::document(page).into_string()
}

/// Lays out the page of an autoencoder of cells.
pub(crate) fn render_autoencoder(page: &autoencoder::AutoencoderReport) -> String {
    autoencoder::document(page).into_string()
}

/// Lays out the page of a comparison of models.
pub(crate) fn render_comparison(page: &comparison::ComparisonReport<'_>) -> String {
    comparison::document(page).into_string()
}
