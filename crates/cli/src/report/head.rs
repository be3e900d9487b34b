//! What a page about cells has before its figures and around them.

use super::data::ReportData;
use super::markup::{Markup, tag};
use super::page::framed;

/// Heading, origin and first paragraph of a page.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Head {
    /// Heading of the page.
    pub(crate) title: String,
    /// Command line that wrote the page.
    pub(crate) generated_by: String,
    /// What was done, in sentences.
    pub(crate) account: String,
}

impl Head {
    /// The document: this head, and what follows it.
    pub(super) fn document(&self, parts: impl IntoIterator<Item = Markup>) -> Markup {
        let about = ReportData {
            title: self.title.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            generated_by: self.generated_by.clone(),
            ..ReportData::default()
        };
        let mut body = Markup::from(tag("p").class("lede").text(&self.account));
        parts.into_iter().for_each(|part| body.push(part));
        framed(&about, &[], body)
    }
}
