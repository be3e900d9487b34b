//! The page of scored variants: the largest effects, ranked, with a picture of each.

use super::data::ReportData;
use super::markup::{Markup, tag};
use super::page::{Context, framed, scroll};

/// What the page shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct VariantsReport {
    /// Version of basewise that wrote the page.
    pub(crate) version: String,
    /// Command line that wrote the page.
    pub(crate) generated_by: String,
    /// How many records were read, scored, and not scored, and why.
    pub(crate) account: String,
    /// The field that ranks the alleles.
    pub(crate) score: String,
    /// The largest effects first.
    pub(crate) alleles: Vec<Allele>,
}

/// One allele.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Allele {
    /// CHROM:POS:REF:ALT.
    pub(crate) name: String,
    /// Contig, position, both alleles, as a table shows them.
    pub(crate) cells: [String; 4],
    /// What ranks it.
    pub(crate) score: f32,
    /// SVG of the reference and the alternate sequence, which leaves its letters to the page.
    pub(crate) picture: Option<String>,
}

/// The whole document.
pub(super) fn document(data: &VariantsReport) -> Markup {
    let about = ReportData {
        title: "Variants with the largest effects".to_owned(),
        version: data.version.clone(),
        generated_by: data.generated_by.clone(),
        ..ReportData::default()
    };
    let mut context = Context::plain();
    let mut body = Markup::new();
    for line in data.account.lines() {
        body.push(tag("p").class("lede").text(line));
    }
    body.push(table(data, &mut context));
    for allele in &data.alleles {
        if let Some(svg) = &allele.picture {
            let caption = Markup::text(format_args!(
                "{}, {} {:.4}. Each letter is as high as its base contributes, by its substitutions; reference above, \
                 alternate below, on one scale.",
                allele.name, data.score, allele.score
            ));
            body.push(context.figure("wide", scroll(Markup::drawn(svg.clone())), caption));
        }
    }
    framed(&about, &[], body)
}

fn table(data: &VariantsReport, context: &mut Context) -> Markup {
    if data.alleles.is_empty() {
        return tag("p").class("missing").text("No allele was scored.").into();
    }
    let head = ["rank", "contig", "position", "reference", "alternate", &data.score];
    let th = |name: &str| if name == data.score { tag("th").class("num").text(name) } else { tag("th").text(name) };
    let head = tag("tr").add_all(head.map(th));
    let row = |(rank, allele): (usize, &Allele)| {
        let cells = tag("tr").add(tag("td").text(rank + 1));
        let cells = cells.add_all(allele.cells.iter().map(|cell| tag("td").text(cell)));
        cells.add(tag("td").class("num").text(format_args!("{:.4}", allele.score)))
    };
    let rows = tag("tbody").add_all(data.alleles.iter().enumerate().map(row));
    let caption = Markup::text("Alleles by the size of their effect, of either sign.");
    context.table(caption, tag("table").add(tag("thead").add(head)).add(rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alleles_are_ranked_and_drawn() {
        let allele = |name: &str, picture: Option<&str>| Allele {
            name: name.into(),
            cells: ["c", "7", "A", "<T>"].map(str::to_owned),
            score: -1.5,
            picture: picture.map(str::to_owned),
        };
        let alleles = vec![allele("c:7:A:<T>", Some("<svg id=\"v\"></svg>")), allele("c:8:A:C", None)];
        let page =
            VariantsReport { score: "BW_DIFF".into(), account: "2 scored".into(), alleles, ..Default::default() };
        let html = document(&page).into_string();
        assert!(html.contains("&lt;T&gt;") && !html.contains("<T>"));
        assert!(html.contains("<div class=\"scroll\" tabindex=\"0\"><svg id=\"v\">"));
        assert_eq!((html.matches("<svg id=\"v\">").count(), html.matches("-1.5000").count()), (1, 3));
        let none = document(&VariantsReport::default()).into_string();
        assert!(none.contains("No allele was scored."));
    }
}
